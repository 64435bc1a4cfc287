#!/bin/bash
# Policing and QoS as an operator writes them: what is more than allowed is dropped and named, a
# queue gets no more than its rate and its promise beside others, and the kernel's own view agrees.
source "$(dirname "$0")/common.bash"
begin shaping
switch_up
for n in 1 2; do host $n; done
in_switch ovs-vsctl add-br br0 -- add-port br0 p1 -- add-port br0 p2 || { not_ok "ports are added"; finish; }
in_host 2 iperf3 -s -D --pidfile "$work/iperf3.pid" > /dev/null
within 5 in_host 2 sh -c 'ss -ltn | grep -q 5201'
check "two hosts reach each other" in_host 1 ping -q -c 2 -i 0.2 -W 1 10.9.0.2

# transfer SECONDS [OPTION...]: what arrived, in kbit/s
transfer() { local s=$1; shift
  in_host 1 timeout $((s + 20)) iperf3 -J -c 10.9.0.2 -t "$s" "$@" |
    python3 -c 'import json, sys; print(int(json.load(sys.stdin)["end"]["sum_received" if sys.argv[1:] == [] else "sum"]["bits_per_second"] / 1000))'; }
between() { # between WHAT LEAST MOST GOT
  if [ -n "$4" ] && [ "$4" -ge "$2" ] && [ "$4" -le "$3" ]; then ok "$1 ($4)"; else not_ok "$1" "wanted: $2 to $3
got:    $4"; fi; }
queue_statistics() { in_switch ovs-ofctl -O OpenFlow13 queue-stats br0 p2 1; }
queue_bytes() { queue_statistics | sed -n 's/.*queue 1: bytes=\([0-9]*\), .*/\1/p'; }
counters_agree() {
  local sent
  sent=$(queue_bytes)
  in_switch tc -s class show dev p2 | sed -n '/htb 1:2 /,/Sent/p' | grep -q "Sent $sent bytes" &&
    in_switch ovs-appctl qos/show p2 | sed -n '/^Queue 1/,$p' | grep -q "tx_bytes: $sent\$"
}
ends() { in_switch ovs-appctl -t apus-datapath apus/packet-ends; }

check "p1 takes in 20 Mbit/s" in_switch ovs-vsctl set Interface p1 ingress_policing_rate=20000 ingress_policing_burst=2000
# TCP meets drops and stays below; the burst of the first moment may come on top.
between "TCP keeps to it" 4000 22000 "$(transfer 3)"
like "what was too much is counted by its name" 'policed' "$(ends)"
like "and shows in the statistics" 'rx_dropped=[1-9]' "$(sleep 6; in_switch ovs-vsctl get Interface p1 statistics)"
check "no limit again" in_switch ovs-vsctl set Interface p1 ingress_policing_rate=0
between "TCP is as fast as before" 500000 999999999 "$(transfer 2)"

check "p1 takes in 100 packets a second" in_switch ovs-vsctl set Interface p1 ingress_policing_kpkts_rate=1 ingress_policing_kpkts_burst=1
in_host 1 ping -q -f -c 4000 -W 1 10.9.0.2 > /dev/null
like "a flood of more is cut" 'policed' "$(ends)"
check "and no limit" in_switch ovs-vsctl set Interface p1 ingress_policing_kpkts_rate=0

check "p2 gets 40 Mbit/s, of which queue 1 may have 8" in_switch ovs-vsctl -- set Port p2 qos=@q \
  -- --id=@q create QoS type=linux-htb other-config:max-rate=40000000 queues:0=@a queues:1=@b \
  -- --id=@a create Queue other-config:min-rate=1000000 \
  -- --id=@b create Queue other-config:min-rate=4000000 other-config:max-rate=8000000
between "a flow without a queue gets the whole" 20000 44000 "$(transfer 3)"
like "the kernel has the classes" 'class htb 1:2 parent 1:fffe' "$(in_switch tc class show dev p2)"
if in_switch ovs-ofctl add-flow br0 "priority=10,tcp,tp_dst=5201,actions=set_queue:1,NORMAL" 2> "$work/refusal"; then
  between "one that is sent to queue 1 gets its rate" 2000 9000 "$(transfer 3)"
  between "its statistics tell what was sent" 500000 5000000 "$(queue_bytes)"
  check "as the kernel does, and qos/show" within 5 counters_agree
  like "how long it is there" 'errors=[0-9]+, duration=[0-9]+[.][0-9]{3}s$' "$(queue_statistics)"
  text=$(in_switch ovs-appctl qos/show p2)
  like "qos/show names the rates" 'max-rate: 40000000' "$text"
  same "and each queue with its counters" "Default: Queue 1:" "$(grep -E '^(Default|Queue)' <<< "$text" | xargs)"
  check "the rule goes" in_switch ovs-ofctl del-flows br0 "tcp,tp_dst=5201"
else
  not_ok "a rule sends to queue 1" "$(cat "$work/refusal")"
fi
check "an unknown type is refused in words" in_switch ovs-vsctl -- set Port p2 qos=@q -- --id=@q create QoS type=linux-sfq
like "which the log has" 'QoS type linux-sfq is not supported' "$(cat "$OVS_LOGDIR"/ovs-vswitchd.log)"
check "no QoS" in_switch ovs-vsctl clear Port p2 qos
same "which qos/show tells" "QoS not configured on p2" "$(in_switch ovs-appctl qos/show p2)"
like "types of QoS are named" 'QoS type: linux-htb' "$(in_switch ovs-appctl qos/show-types p2)"
refuse "an interface that is not there" in_switch ovs-appctl qos/show nobody
same "the kernel has no classes" "" "$(in_switch tc class show dev p2)"
between "TCP is as fast as before" 500000 999999999 "$(transfer 2)"
kill "$(tr -d '\0' < "$work/iperf3.pid")"
finish
