#!/bin/bash
# apus link on this kernel: a file applied twice, wrong files refused as a whole, rows of type veth;
# then a port's interface deleted and made again under traffic, 60 times or as often as REPLUGS says.
source "$(dirname "$0")/common.bash"
begin links
link() { in_switch "$bin/apus" link "$@"; }
ip netns add "$switch" && in_switch ip link set lo up && ip netns add "$name-h1" && ip netns add "$name-h2" ||
  { not_ok "namespaces are made"; finish; }

cat > "$work/good.yaml" <<YAML
links:
  - name: v0
    type: veth
    peer: v1
    peer-netns: $name-h1
    mtu: 1400
    up: true
    offloads: {tso: off}
  - name: v1
    netns: $name-h1
    addresses: [192.0.2.1/24]
    up: true
  - {name: br, type: bridge, up: true}
  - {name: w0, type: veth, peer: w1, master: br, alias: "an end"}
YAML
like "a dry run says what it would do" '^6 changes to make|^[0-9]+ changes to make' "$(link apply --dry-run "$work/good.yaml")"
refuse "and does nothing" link show v0
check "the file is applied" link apply "$work/good.yaml"
same "the peer has its address" 192.0.2.1/24 "$(ip -n "$name-h1" -j address show v1 | python3 -c 'import json,sys; a=[x for x in json.load(sys.stdin)[0]["addr_info"] if x["family"]=="inet"][0]; print(a["local"]+"/"+str(a["prefixlen"]))')"
same "a second time nothing changes" "0 changes made" "$(link apply "$work/good.yaml")"
in_switch ip link set v0 mtu 1450
same "only what differs is changed" "set v0 mtu 1400
1 change made" "$(link apply "$work/good.yaml")"
state() { in_switch ip -br link; }
before=$(state)
wrong() { # wrong WHAT LINE PATTERN YAML
  local text; text=$(printf '%b' "$4" | link apply - 2>&1) && { not_ok "$1 is refused" "$text"; return; }
  like "$1 is refused, with its line" "^apus link: -:$2: .*$3" "$text"
}
wrong "an unknown key" 3 'no key "colour"' 'links:\n  - {name: n0, type: dummy}\n  - {name: n1, type: dummy, colour: red}\n'
wrong "VLAN 5000" 6 '1 to 4094' 'links:\n  - {name: n0, type: dummy}\n  - name: n0.5\n    type: vlan\n    parent: n0\n    id: 5000\n'
wrong "a missing parent" 3 'needs nothere' 'links:\n  - {name: n0, type: dummy}\n  - {name: x, type: vlan, parent: nothere, id: 5}\n'
wrong "what is no YAML" 1 '' 'links: [\n'
same "and nothing changed" "$before" "$(state)"
check "a tap" link add tap t0
like "the kernel's own sentence is shown" 'the kernel says: mtu greater than device maximum' "$(link set t0 mtu 65535 2>&1)"
link del v0 w0 br t0

start_ovsdb && start_datapath && start_vswitchd || { not_ok "the switch starts"; finish; }
check "one command gives each namespace a port" in_switch ovs-vsctl -t 20 add-br br0 -- \
  add-port br0 s1 -- set interface s1 type=veth options:peer=eth0 options:peer-netns="$name-h1" -- \
  add-port br0 s2 -- set interface s2 type=veth options:peer=eth0 options:peer-netns="$name-h2"
for n in 1 2; do ip -n "$name-h$n" address add "10.9.0.$n/24" dev eth0; done
check "traffic passes" in_host 1 ping -q -c 2 -i 0.2 -W 1 10.9.0.2
like "apus link show tells what it is for" 'in bridge br0, port s1, OpenFlow port 1' "$(link show s1)"
like "and so in JSON" '"bridge":"br0"' "$(link -j show s1)"
in_switch ip link del s2
check "a link that somebody removes is made again" within 5 in_switch ip link show s2
in_host 2 ip address add 10.9.0.2/24 dev eth0
# Its other end has another address now.
in_host 1 ip neigh flush all
check "and works" within 5 in_host 1 ping -q -c 1 -W 1 10.9.0.2
in_switch ip link add adopted type veth peer name other
check "what is there already is adopted" in_switch ovs-vsctl -t 20 add-port br0 adopted -- \
  set interface adopted type=veth options:peer=other
like "a row that lacks something says so" 'options:peer' \
  "$(in_switch ovs-vsctl -t 20 add-port br0 bad -- set interface bad type=veth; in_switch ovs-vsctl get interface bad error)"
check "rows go" in_switch ovs-vsctl -t 20 del-port adopted -- del-port s2 -- del-port bad
check "what was adopted stays" in_switch ip link show adopted
refuse "what was made goes" within 1 in_switch ip link show s2
kill -KILL "$(cat "$OVS_RUNDIR/ovs-vswitchd.pid")"
in_switch ovs-vsctl --no-wait del-port s1
check "vswitchd starts again" start_vswitchd
gone() { ! in_switch ip link show s1; }
check "and removes what no row asks for any more" within 5 gone

# Again and again: the interface of a port vanishes, comes back, and carries traffic.
descriptors() { ls "/proc/$(cat "$OVS_RUNDIR/apus-datapath.pid")/fd" | wc -l; }
pair() { ip link add p2 netns "$switch" type veth peer name eth1 netns "$name-h2" &&
  ip -n "$switch" link set p2 up && ip -n "$name-h2" address add 10.9.0.22/24 dev eth1 &&
  ip -n "$name-h2" link set eth1 up; }
host 3 && pair
check "two ports" in_switch ovs-vsctl -t 20 add-port br0 p3 -- add-port br0 p2
check "carry traffic" within 5 in_host 3 ping -q -c 1 -W 1 10.9.0.22
in_host 3 ping -q -i 0.01 10.9.0.22 > /dev/null 2>&1 & traffic=$!
before=$(descriptors) came_back=0 start=$SECONDS
replugs=${REPLUGS:-60}
for _ in $(seq "$replugs"); do
  in_switch ip link del p2
  pair || break
  in_host 3 ip neigh del 10.9.0.22 dev eth0 2> /dev/null
  within 5 in_host 3 ping -q -c 1 -W 1 10.9.0.22 && came_back=$((came_back + 1))
done
kill $traffic; wait $traffic 2> /dev/null
same "$replugs times deleted and made, traffic came back each time ($((SECONDS - start)) s)" "$replugs" $came_back
settled() { [ "$(descriptors)" -le "$before" ]; }
check "no descriptor is left over ($before, $(descriptors))" within 5 settled
check "rename" sh -c "ip -n $switch link set p2 down; ip -n $switch link set p2 name q2 && sleep 0.3 && ip -n $switch link set q2 name p2 && ip -n $switch link set p2 up"
check "and back again: traffic passes" within 5 in_host 3 ping -q -c 1 -W 1 10.9.0.22
finish
