#!/bin/bash
# One port invents a million source addresses as fast as it can. Who floods the table evicts himself:
# what the other ports have taught stays, and they go on speaking to each other.
source "$(dirname "$0")/common.bash"
begin macflood
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
addresses=1000000

switch_up
check "a bridge" in_switch ovs-vsctl add-br br0 -- set Bridge br0 fail_mode=standalone
for n in 1 2 3; do host $n; check "port p$n" in_switch ovs-vsctl add-port br0 p$n; done
for n in 2 3; do check "host 1 reaches host $n" within 10 in_host 1 ping -qc 1 -W 1 10.9.0.$n; done
static=02:00:00:00:77:77
check "an operator's own entry" in_switch ovs-appctl fdb/add br0 p2 0 $static

shown() { in_switch ovs-appctl fdb/show br0; }
address() { in_host "$1" cat /sys/class/net/eth0/address; }
learned() { in_switch ovs-appctl fdb/stats-show br0 | sed -n 's/.*learned MAC entries *: //p'; }
before=$(learned)
in_host 1 ping -q -i 0.05 -w 45 10.9.0.2 > "$work/ping" 2>&1 &
pinging=$!
SECONDS=0
flooded=$(in_host 3 timeout 50 python3 "$here/frames.py" flood eth0 $addresses)
like "the flood came out" "^$addresses frames" "$flooded"
taught=$(($(learned) - before))
kill -INT $pinging 2> /dev/null; wait $pinging
echo "      $flooded; $taught addresses were learned in that time; $(grep -o '[0-9.]*% packet loss' "$work/ping") between the others"
check "the table was overrun ($taught learned)" [ "$taught" -gt 8192 ]
table=$(shown)
for n in 1 2; do like "host $n is still where it was" "^ *$n +0 +$(address $n) " "$table"; done
like "and the operator's entry" "^ *2 +0 +$static  static" "$table"
check "the table has its bound" [ "$(grep -c : <<< "$table")" -le 8192 ]
like "it says so" "maximum MAC entries in the table: 8192/8192" "$(in_switch ovs-appctl fdb/stats-show br0)"
check "the others still speak" within 5 in_host 1 ping -qc 1 -W 1 10.9.0.2
check "and so does the flooding port's host" within 5 in_host 3 ping -qc 1 -W 1 10.9.0.1
finish
