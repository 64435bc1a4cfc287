#!/bin/bash
# What a user sees of flows: cached ones with counters, no upcall for a second packet, an idle flow
# gone after 10 s, rules with counts that add up, changes in force when the command returns.
source "$(dirname "$0")/common.bash"
begin flows
switch_up
for n in 1 2; do host $n; done
in_switch ovs-vsctl add-br br0 -- add-port br0 p1 -- add-port br0 p2 || not_ok "ports are added"

dp() { in_switch ovs-dpctl "$@"; }
missed() { dp show | sed -n 's/.*missed:\([0-9]*\).*/\1/p'; }
sum_of_rules() { in_switch ovs-ofctl dump-flows br0 | sed -n 's/.*n_packets=\([0-9]*\),.*/\1/p' | awk '{s += $1} END {print s + 0}'; }
received() { # packets that the switch received on all its ports
  in_switch ovs-ofctl dump-ports br0 | sed -n 's/.*rx pkts=\([0-9]*\),.*/\1/p' | awk '{s += $1} END {print s + 0}'; }

check "two hosts reach each other" in_host 1 ping -q -c 2 -i 0.2 -W 1 10.9.0.2
check "a settled flow exists" in_host 1 ping -q -c 5 -i 0.2 -W 1 10.9.0.2
before=$(missed)
check "20 more packets pass" in_host 1 ping -q -c 20 -i 0.05 -W 1 10.9.0.2
after=$(missed)
same "and raise no upcall" "$before" "$after"
like "ovs-dpctl dump-flows shows them with counters" 'eth_type\(0x0800\).*packets:[1-9][0-9]*, bytes:[1-9].*actions:' "$(dp dump-flows)"
# A packet may pass between the two questions: they are asked until they were not disturbed.
adds_up() { [ "$(received)" = "$(sum_of_rules)" ]; }
check "the rule's count is what the ports received" within 5 adds_up

check "drop rule" in_switch ovs-ofctl add-flow br0 priority=100,icmp,actions=drop
refuse "it is in force at once, cached flow or not" in_host 1 ping -q -c 2 -i 0.2 -W 1 10.9.0.2
like "and counts what it dropped" 'n_packets=2,.*priority=100,icmp' "$(in_switch ovs-ofctl dump-flows br0)"
like "the datapath says why" 'dropped_by_rule' "$(in_switch ovs-appctl -t apus-datapath apus/packet-ends)"
check "del-flows of that rule" in_switch ovs-ofctl --strict del-flows br0 priority=100,icmp
check "traffic is back at once" in_host 1 ping -q -c 2 -i 0.2 -W 1 10.9.0.2

sleep 12
same "after 10 idle seconds no IP flow is cached" "" "$(dp dump-flows | grep 'eth_type(0x0800)')"
finish
