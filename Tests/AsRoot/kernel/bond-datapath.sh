#!/bin/bash
# The lecture's second experiment on openvswitch.ko: links as a bond, with balance-tcp hashing and looking
# up again in the module. Debian's ovs-dpctl shows our flows, with hits that the module counted.
source "$(dirname "$0")/../common.bash"
begin kbond
modprobe -a veth openvswitch tun ipv6 || { not_ok "the kernel has openvswitch.ko"; finish; }
lab=apus-bond-sw
dp() { ip netns exec $lab /usr/bin/ovs-dpctl "$@"; }

# This kernel has one processor, and shares it with whatever else the machine does: 100 ms are allowed.
check "the lecture's experiment, on the module" "$root/tools/lab" bond --no-build --keep --tries 3 --may-lose 10
same "apus-datapath has no port" "" "$(OVS_RUNDIR=/run/apus-bond/run "$bin/ovs-dpctl" show netdev@ovs-netdev 2>&1 | grep -E 'port [0-9]')"
like "Debian's ovs-dpctl shows the bond's members" 'port [0-9]+: second_if' "$(dp show)"
# The bond is balance-tcp now: flows of m2 hash, and are looked up again.
ip netns exec apus-bond-m2 ping -q -c 40 -i 0.05 -W 1 192.168.100.100 > /dev/null & pinging=$!
sleep 1.5; flows=$(dp dump-flows)
like "and our flows that hash and look up again" 'actions:.*hash\(.*recirc\(0x' "$flows"
like "and what they lead to, with hits of the module" 'recirc_id\(0x[0-9a-f]+\).*packets:[1-9][0-9]*, bytes:[1-9]' "$flows"
wait $pinging
[ "$(dp show | sed -n 's/.*hit:\([0-9]*\) missed.*/\1/p')" -gt 500 ] && ok "most packets met a flow of the module" ||
  not_ok "most packets met a flow of the module" "$(dp show)"
"$root/tools/lab" bond --down
finish
