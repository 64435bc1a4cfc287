#!/bin/bash
# The datapath without anybody who decides: ovs-dpctl alone makes ports and flows, packets pass and
# are counted, and TCP runs with all its offloads.
source "$(dirname "$0")/common.bash"
begin alone
ln -s "$bin/apus" "$work/ovs-dpctl"
dp() { in_switch "$work/ovs-dpctl" "$@"; }

ip netns add "$switch" && in_switch ip link set lo up
down=$(dp show 2>&1)
same "without a datapath ovs-dpctl fails" 1 $?
like "and says what to start" "$OVS_RUNDIR/apus-datapath.sock: .*is apus-datapath running\?" "$down"

check "the datapath starts" start_datapath || finish
for n in 1 2 3; do host $n; done
same "it has a name" "netdev@ovs-netdev" "$(dp dump-dps)"
check "add-if of two interfaces" dp add-if ovs-netdev p1 p2,port_no=2
refuse "a port twice" dp add-if ovs-netdev p1
like "a missing interface is named" 'ovs-dpctl: .*nowhere' "$(dp add-if ovs-netdev nowhere 2>&1)"
like "show lists them" 'port 1: p1.*port 2: p2' "$(dp show | tr '\n' ' ')"

refuse "without flows no packet passes" in_host 1 ping -q -c 1 -W 1 10.9.0.2
check "add-flow 1 to 2" dp add-flow 'in_port(1)' 2
check "add-flow 2 to 1" dp add-flow 'in_port(2)' 1
check "ping passes" in_host 1 ping -q -c 5 -i 0.1 -W 1 10.9.0.2
like "dump-flows counts them" 'in_port\(1\),eth\(\), packets:[1-9][0-9]*, bytes:[1-9][0-9]*, used:[0-9.]+s, actions:2' "$(dp dump-flows)"
same "the filter shows one port's" 1 "$(dp dump-flows filter=in_port=p1 | wc -l)"
like "show -s counts too" 'RX packets:[1-9]' "$(dp -s show)"
like "as JSON" '"name":"p1"' "$(dp -f json show)"
like "packets have ends" 'forwarded' "$(in_switch "$bin/apus" appctl -t apus-datapath apus/packet-ends)"

check "a narrower flow for a tag" dp add-flow 'in_port(1),eth_type(0x8100),vlan(vid=5),encap(eth_type(0x0800))' 'pop_vlan,2'
like "is printed as it was given" 'eth_type\(0x8100\),vlan\(vid=5\),encap\(eth_type\(0x0800\)\).*actions:pop_vlan,2' "$(dp dump-flows)"
check "del-flow takes it" dp del-flow 'in_port(1),eth_type(0x8100),vlan(vid=5),encap(eth_type(0x0800))'
same "two are left" 2 "$(dp dump-flows | wc -l)"

# TCP with the offloads of a veth: super-frames and unfinished checksums. How fast: tools/bench.
in_host 2 iperf3 -s -1 -D > /dev/null
within 5 in_host 2 sh -c 'ss -ltn | grep -q :5201'
check "TCP runs with default offloads" in_host 1 timeout 20 iperf3 -c 10.9.0.2 -t 2
same "and nothing was lost in the switch" "" "$(in_switch "$bin/apus" appctl -t apus-datapath apus/packet-ends | grep -E 'ring_full|invalid_offload|send_failed|exceeds')"

in_switch ip link del p1
check "an interface that goes away harms nobody" within 3 dp show
like "its port is still listed" 'port 1: p1' "$(dp show)"
check "del-if of a port that has lost its interface" dp del-if ovs-netdev 1
check "add-if of another in its place" dp add-if ovs-netdev p3,port_no=1
check "and its packets pass" in_host 3 ping -q -c 3 -i 0.1 -W 1 10.9.0.2
check "del-flows" dp del-flows
same "no flow is left" "" "$(dp dump-flows)"
finish
