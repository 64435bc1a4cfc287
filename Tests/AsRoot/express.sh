#!/bin/bash
# Flows that the kernel forwards by itself: many flows need few upcalls, every counter still adds up,
# a change is in force at once, and interfaces are left as they were found.
source "$(dirname "$0")/common.bash"
begin express
switch_up
for n in 1 2; do host $n; done
in_switch ovs-vsctl add-br br0 -- add-port br0 p1 -- add-port br0 p2 || not_ok "ports are added"

sink=$(in_host 2 cat /sys/class/net/eth0/address)
flood() { in_host 1 "$bin/apus-bench" flood --interface eth0 --to $sink --flows 1000 --rate "$1" --seconds "$2"; }
missed() { in_switch ovs-dpctl show | sed -n 's/.*missed:\([0-9]*\).*/\1/p'; }
of_link() { in_host "$1" cat "/sys/class/net/eth0/statistics/$2"; }
of_port() { in_switch ovs-ofctl dump-ports br0 "$1" | sed -n "s/.*$2 pkts=\([0-9]*\),.*/\1/p"; }
ended() { # packets of port p1 by how they ended, summed
  in_switch ovs-appctl -t apus-datapath apus/packet-ends |
    awk '$1 == "p1" { on = 1; next } $1 ~ /^p|^br|^\(from/ { on = 0 } on && $1 ~ /^[0-9]+$/ && $2 !~ /^\(/ { s += $1 } END { print s + 0 }'; }

check "the two hosts know each other" in_host 1 ping -q -c 3 -i 0.2 -W 1 10.9.0.2
# For good: five seconds after the ping they would ask again, each time with an upcall.
in_host 1 ip neigh replace 10.9.0.2 lladdr "$sink" dev eth0 nud permanent
in_host 2 ip neigh replace 10.9.0.1 lladdr "$(in_host 1 cat /sys/class/net/eth0/address)" dev eth0 nud permanent
flood 1000 0.2 > /dev/null
upcalls=$(missed) below=$(in_switch ip -j -s link show p2 | sed -n 's/.*"tx":{[^}]*"packets":\([0-9]*\).*/\1/p')
rx=$(of_port p1 rx) tx=$(of_port p2 tx) left=$(of_link 1 tx_packets) came=$(of_link 2 rx_packets)
flood 20000 2 > "$work/sent"
like "a flood of 1,000 flows leaves" '^[34][0-9]{4}$' "$(cat "$work/sent")"
same "it raises no upcall" "$upcalls" "$(missed)"
same "all of it arrives" "$(($(of_link 1 tx_packets) - left))" "$(($(of_link 2 rx_packets) - came))"
same "the port it came by counts it" "$(($(of_link 1 tx_packets) - left))" "$(($(of_port p1 rx) - rx))"
same "the port it left by counts it" "$(($(of_link 2 rx_packets) - came))" "$(($(of_port p2 tx) - tx))"
same "each packet has one end" "$(of_port p1 rx)" "$(ended)"
now=$(in_switch ip -j -s link show p2 | sed -n 's/.*"tx":{[^}]*"packets":\([0-9]*\).*/\1/p')
check "it was handed to the far end at once" test "$((${now:-0} - ${below:-0}))" -lt 1000

# A host that is handed a frame at once takes it for its own, whoever it was for.
in_host 1 ip neigh replace 10.9.0.2 lladdr 02:00:00:00:09:fb dev eth0 nud permanent
came=$(of_link 2 rx_packets)
refuse "frames to a stranger are no host's own" in_host 1 ping -q -c 20 -i 0.05 -W 1 10.9.0.2
check "though they are flooded to it" test "$(($(of_link 2 rx_packets) - came))" -ge 20
in_host 1 ip neigh del 10.9.0.2 dev eth0

in_switch tc qdisc add dev p2 root pfifo limit 1000
queued() { in_switch tc -s qdisc show dev p2 | sed -n 's/.*Sent [0-9]* bytes \([0-9]*\) pkt.*/\1/p'; }
sleep 1.5
before=$(queued)
flood 5000 1 > /dev/null
check "with a queue on the way out it goes by the queue" test "$(($(queued) - before))" -gt 2000
in_switch tc qdisc del dev p2 root

flood 5000 3 > /dev/null & load=$!
sleep 1
check "a rule that drops" in_switch ovs-ofctl add-flow br0 priority=100,udp,actions=drop
came=$(of_link 2 rx_packets)
sleep 0.5
check "is in force at once, also below" test "$(($(of_link 2 rx_packets) - came))" -lt 20
wait $load
check "without it" in_switch ovs-ofctl --strict del-flows br0 priority=100,udp
came=$(of_link 2 rx_packets)
flood 5000 0.5 > /dev/null
check "frames pass again" test "$(($(of_link 2 rx_packets) - came))" -gt 1000
finish
