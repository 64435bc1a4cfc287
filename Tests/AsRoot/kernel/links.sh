#!/bin/bash
# apus link in a kernel that has 802.1Q and bonding: each kind made, changed, watched and removed, as
# `ip -d -j link` sees it; and switch ports that stand on a bond and on a VLAN carry traffic.
source "$(dirname "$0")/../common.bash"
begin links
modprobe -a veth 8021q bonding ipv6 tun || { not_ok "the kernel has what is tested"; finish; }
link() { in_switch "$bin/apus" link "$@"; }
# said LINK PATH: one value of ip's JSON, for example "linkinfo info_data id"
said() {
  in_switch ip -d -j link show "$1" | python3 -c '
import json, sys
value = json.load(sys.stdin)[0]
for key in sys.argv[1].split(): value = value[key]
print(value)' "$2"
}
ip netns add "$switch" && ip netns add "$name-red"

in_switch "$bin/apus" link watch > "$work/watch" & watching=$!
check "veth with its peer in another namespace" link add veth a peer b netns "$name-red" mtu 1400 up
same "is a veth" veth "$(said a 'linkinfo info_kind')"
same "has its MTU" 1400 "$(said a mtu)"
check "and the peer is there" ip -n "$name-red" link show b
check "vlan" link add vlan a.10 dev a id 10 up
same "has its id" 10 "$(said a.10 'linkinfo info_data id')"
check "two more pairs" link add veth m0 peer n0
check "and" link add veth m1 peer n1
check "bond" link add bond bond0 mode 802.3ad miimon 100 lacp-rate fast members m0 m1
same "has its mode" 802.3ad "$(said bond0 'linkinfo info_data mode')"
same "its miimon" 100 "$(said bond0 'linkinfo info_data miimon')"
same "its rate" fast "$(said bond0 'linkinfo info_data ad_lacp_rate')"
same "and its members" bond0 "$(said m1 master)"
check "a bond is changed" link set bond0 miimon 200 xmit-hash-policy layer3+4
same "to another miimon" 200 "$(said bond0 'linkinfo info_data miimon')"
check "a link is changed" link set m0 nomaster down address 02:00:00:00:00:09 name renamed
same "to another address" 02:00:00:00:00:09 "$(said renamed address)"
refused=$(link set bond0 mode balance-rr 2>&1)
same "what the kernel refuses is refused" 1 $?
like "with the kernel's words" 'kernel says|cannot set the bond' "$refused"
for kind in dummy bridge tap; do check "$kind" link add $kind "x-$kind" mtu 1300; done
same "a tap is one" tap "$(said x-tap 'linkinfo info_data type')"
like "show -j tells of the bond" '"mode":"802.3ad"' "$(link -j show bond0)"
check "all are removed" link del a.10 a renamed m1 bond0 x-dummy x-bridge x-tap
same "and gone" lo "$(in_switch ls /sys/class/net | grep -vE '^(bonding_masters|sit0|tunl0|ip6tnl0)$' | xargs)"
check "watch saw them go" within 5 grep -q 'bond0: gone' "$work/watch"
ip netns pids "$switch" | xargs -r kill; wait $watching 2> /dev/null
like "and one come" 'a: veth, up' "$(cat "$work/watch")"

# Ports of a switch on a bond and on a VLAN: h1 -- (two pairs, bonded at both ends) -- switch --
# (one pair, VLAN 10 at both ends) -- h2
start_ovsdb && start_datapath && start_vswitchd || { not_ok "the switch starts"; finish; }
for h in 1 2; do ip netns add "$name-h$h"; done
check "the host's end of the bond" "$bin/apus" link -n "$name-h1" apply /dev/stdin <<YAML
links:
  - {name: e0, type: veth, peer: p0, peer-netns: $switch}
  - {name: e1, type: veth, peer: p1, peer-netns: $switch}
  - {name: bond0, type: bond, mode: 802.3ad, miimon: 100, lacp-rate: fast, members: [e0, e1],
     up: true, addresses: [10.9.0.1/24]}
YAML
check "the host's end of the VLAN" "$bin/apus" link -n "$name-h2" apply /dev/stdin <<YAML
links:
  - {name: v0, type: veth, peer: q0, peer-netns: $switch, up: true}
  - {name: v0.10, type: vlan, parent: v0, id: 10, up: true, addresses: [10.9.0.2/24]}
  - {name: q0, netns: $switch, up: true}
YAML
check "rows of type bond and vlan" in_switch ovs-vsctl -t 20 add-br br0 -- \
  set bridge br0 datapath_type=netdev -- \
  add-port br0 sbond -- set interface sbond type=bond options:members=p0,p1 \
  options:mode=802.3ad options:miimon=100 options:lacp-rate=fast -- \
  add-port br0 svlan -- set interface svlan type=vlan options:parent=q0 options:id=10
same "made a bond" 802.3ad "$(said sbond 'linkinfo info_data mode')"
same "and a VLAN interface" 10 "$(said svlan 'linkinfo info_data id')"
like "its use is shown" 'in bridge br0, port svlan, OpenFlow port' "$(link show svlan)"
check "traffic goes through both" within 30 in_host 1 ping -q -c 2 -i 0.3 -W 1 10.9.0.2
check "the rows go" in_switch ovs-vsctl -t 20 del-port sbond -- del-port svlan
refuse "and with them the bond" in_switch ip link show sbond
refuse "and the VLAN interface" in_switch ip link show svlan
check "but not what they stood on" in_switch ip link show p0
finish
