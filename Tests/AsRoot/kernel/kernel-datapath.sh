#!/bin/bash
# openvswitch.ko as the second kernel half, told by the same messages: the lecture's VLAN experiment,
# flows that Debian's ovs-dpctl shows with hits of the module, and our ovs-dpctl on it.
source "$(dirname "$0")/../common.bash"
begin kdp
modprobe -a veth openvswitch tun ipv6 || { not_ok "the kernel has openvswitch.ko"; finish; }
debian() { ip netns exec "$1" /usr/bin/ovs-dpctl "${@:2}"; }

check "the lecture's experiment, on the module" "$root/tools/lab" vlan --no-build --keep
lab=apus-lab-sw
like "Debian's ovs-dpctl shows the datapath" 'system@apus-system' "$(debian $lab show)"
like "and its ports" 'port [0-9]+: first_br' "$(debian $lab show)"
ip netns exec apus-lab-m2 ping -q -c 5 -i 0.2 -W 1 192.168.100.103 > /dev/null
like "and our flows, with hits of the module" 'packets:[1-9][0-9]*, bytes:[1-9].*actions:.*push_vlan\(vid=103' \
  "$(debian $lab dump-flows)"
same "apus-datapath has no port" "" "$(OVS_RUNDIR=/run/apus-lab/run "$bin/ovs-dpctl" show netdev@ovs-netdev 2>&1 | grep -E 'port [0-9]')"
"$root/tools/lab" vlan --down

ip netns add "$switch" && in_switch ip link set lo up && start_ovsdb && start_vswitchd ||
  { not_ok "the switch starts, without apus-datapath"; finish; }
for n in 1 2; do host $n; done
check "ports on the module" in_switch ovs-vsctl -t 20 add-br br0 -- set bridge br0 datapath_type=system -- \
  add-port br0 p1 -- add-port br0 p2
check "traffic passes" in_host 1 ping -q -c 3 -i 0.2 -W 1 10.9.0.2
dp() { in_switch "$bin/ovs-dpctl" "$@"; }
like "our ovs-dpctl: dump-dps" '^system@apus-system$' "$(dp dump-dps)"
like "show" 'system@apus-system:' "$(dp show)"
like "show -f json" '"datapath":"system@apus-system"' "$(dp -f json show)"
before=$(dp show | sed -n 's/.*missed:\([0-9]*\).*/\1/p')
check "20 packets more" in_host 1 ping -q -c 20 -i 0.05 -W 1 10.9.0.2
after=$(dp show | sed -n 's/.*missed:\([0-9]*\).*/\1/p')
[ $((after - before)) -le 2 ] && ok "raise no upcalls" || not_ok "raise no upcalls" "$before $after"
like "dump-flows --names" 'in_port\(p1\).*actions:p2' "$(dp --names dump-flows)"
like "rules are credited with what the module counted" 'n_packets=[2-9][0-9]' "$(in_switch ovs-ofctl dump-flows br0)"
check "a drop rule" in_switch ovs-ofctl add-flow br0 priority=100,icmp,actions=drop
refuse "is in force at once" in_host 1 ping -q -c 2 -i 0.2 -W 1 10.9.0.2
check "and gone" in_switch ovs-ofctl del-flows br0 icmp
check "so traffic is back" in_host 1 ping -q -c 2 -i 0.2 -W 1 10.9.0.2
check "headers are rewritten" in_switch ovs-ofctl add-flow br0 \
  "priority=50,icmp,nw_dst=10.9.0.9,actions=mod_nw_dst:10.9.0.2,mod_dl_dst:$(in_host 2 cat /sys/class/net/eth0/address),output:2"
in_host 1 ip neigh add 10.9.0.9 lladdr 02:00:00:00:00:99 dev eth0
in_host 2 timeout 5 tcpdump -lni eth0 -c 1 'icmp and dst 10.9.0.2 and icmp[icmptype] = icmp-echo' > "$work/seen" 2> /dev/null & sniff=$!
sleep 1; in_host 1 ping -q -c 3 -i 0.2 -W 1 10.9.0.9 > /dev/null; wait $sniff
like "by the module" '10.9.0.1 > 10.9.0.2' "$(cat "$work/seen")"

check "flows settle" in_host 1 ping -q -c 3 -i 0.2 -W 1 10.9.0.2
kill -KILL "$(cat "$OVS_RUNDIR/ovs-vswitchd.pid")"
check "the module goes on without vswitchd" in_host 1 ping -q -c 5 -i 0.2 -W 1 10.9.0.2
check "vswitchd comes back" start_vswitchd
check "and answers upcalls again" within 10 sh -c "ip netns exec $name-h2 ip neigh flush all; ip netns exec $name-h2 ping -q -c 1 -W 1 10.9.0.1"
check "the port is taken out" in_switch ovs-vsctl -t 20 del-port p2
refuse "of the module too" grep -q 'p2' <<< "$(dp show)"

check "a datapath of one's own" dp add-dp system@mine p2
check "with a port more" dp add-if system@mine int0,type=internal
like "shows it" 'int0 \(internal\)' "$(dp show system@mine)"
check "add-flow" dp add-flow system@mine 'in_port(1),eth(),eth_type(0x0800),ipv4()' 2
like "get-flow" 'actions:2' "$(dp get-flow system@mine 'in_port(1),eth(),eth_type(0x0800),ipv4()')"
check "mod-flow" dp mod-flow system@mine 'in_port(1),eth(),eth_type(0x0800),ipv4()' drop
like "a filter finds it" 'actions:drop' "$(dp dump-flows system@mine 'filter=eth_type(0x0800)')"
same "another does not" "" "$(dp dump-flows system@mine 'filter=eth_type(0x0806)')"
like "-m names it" '^ufid:' "$(dp -m dump-flows system@mine)"
check "del-flow by its name" dp del-flow system@mine "$(dp -m dump-flows system@mine | sed 's/,.*//')"
refuse "mod-flow of none is refused" dp mod-flow system@mine 'in_port(1)' drop
check "del-if" dp del-if system@mine int0
refuse "without a name, several are refused" dp dump-flows
check "del-dp" dp del-dp system@mine
refuse "twice" dp del-dp system@mine
finish
