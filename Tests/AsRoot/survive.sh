#!/bin/bash
# The halves die separately: vswitchd is killed during a ping and a TCP transfer and comes back;
# the database is killed under a stream of changes.
source "$(dirname "$0")/common.bash"
begin survive
switch_up
for n in 1 2; do host $n; done
in_switch ovs-vsctl add-br br0 -- add-port br0 p1 -- add-port br0 p2 || not_ok "ports are added"
check "hosts reach each other" in_host 1 ping -q -c 3 -i 0.2 -W 1 10.9.0.2

in_host 2 iperf3 -s -1 -D --logfile "$work/iperf-server" || not_ok "iperf3 serves"
within 5 in_host 2 sh -c 'ss -ltn | grep -q 5201'
in_host 1 iperf3 -c 10.9.0.2 -t 8 -b 50M > "$work/iperf" 2>&1 & transfer=$!
in_host 1 ping -q -c 400 -i 0.02 -W 1 10.9.0.2 > "$work/ping" 2>&1 & pinging=$!
sleep 2
kill -KILL "$(cat "$OVS_RUNDIR/ovs-vswitchd.pid")"
sleep 2
check "vswitchd starts again" start_vswitchd
wait $pinging
like "not one ping was lost" ' 0% packet loss' "$(cat "$work/ping")"
if wait $transfer; then ok "the TCP transfer went on to its end"; else not_ok "the TCP transfer" "$(cat "$work/iperf")"; fi
same "and the switch lost nothing of either" "" "$(in_switch ovs-appctl -t apus-datapath apus/packet-ends | grep -E 'ring_full|upcall_queue_full|no_vswitchd|send_failed')"
check "the new vswitchd decides new flows" in_switch ovs-vsctl --timeout=5 set bridge br0 other_config:x=y
host 3
check "a port added now works" in_switch ovs-vsctl add-port br0 p3
check "and carries traffic" in_host 3 ping -q -c 3 -i 0.2 -W 1 10.9.0.1

count=0
for _ in 1 2 3; do
  (sleep 0.7; kill -KILL "$(cat "$OVS_RUNDIR/ovsdb-server.pid")") & killer=$!
  while in_switch ovs-vsctl --no-wait -t 2 set Open_vSwitch . "external_ids:k$count=$count" 2> /dev/null; do
    count=$((count + 1))
  done
  wait $killer
  check "apus-ovsdb starts again" start_ovsdb
done
lost=
for k in $(seq 0 $((count - 1))); do
  [ "$(in_switch ovs-vsctl get Open_vSwitch . "external_ids:k$k" 2>&1)" = "\"$k\"" ] || lost="$lost $k"
done
same "no acknowledged change of $count is lost" "" "$lost"
check "vswitchd follows the database again" in_switch ovs-vsctl --timeout=10 set bridge br0 other_config:x=z
finish
