#!/bin/bash
# The same two bonded bridges in our switch and in Debian's Open vSwitch (userspace datapath), the
# same commands to both by Debian's ovs-vsctl and ovs-appctl; what they print is compared. Only what
# chance decides is made equal first: MAC addresses get numbers in order of appearance, counters and
# remaining times become N, and lists without an order of their own are sorted.
source "$(dirname "$0")/common.bash"
begin bondcmp
theirs=$name-ovs

links() { # links NAMESPACE: two cables a1-b1 and a2-b2, with the same addresses on either side
  local n
  ip netns exec "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
  for n in 1 2; do
    ip link add a$n netns "$1" address 02:00:00:00:0a:0$n type veth peer name b$n address 02:00:00:00:0b:0$n netns "$1" &&
      ip -n "$1" link set a$n up && ip -n "$1" link set b$n up || return
  done
}

switch_up
ip netns add "$theirs" && ip -n "$theirs" link set lo up || { not_ok "a namespace"; finish; }
links "$switch" && links "$theirs" || { not_ok "links"; finish; }
mkdir "$work/theirs"
ovsdb-tool create "$work/theirs/conf.db" /usr/share/openvswitch/vswitch.ovsschema
ip netns exec "$theirs" env OVS_RUNDIR="$work/theirs" ovsdb-server "$work/theirs/conf.db" --detach --no-chdir \
  --remote="punix:$work/theirs/db.sock" --pidfile="$work/theirs/ovsdb-server.pid" --log-file="$work/theirs/db.log" 2> /dev/null
ip netns exec "$theirs" env OVS_RUNDIR="$work/theirs" ovs-vswitchd "unix:$work/theirs/db.sock" --detach --no-chdir \
  --pidfile="$work/theirs/ovs-vswitchd.pid" --log-file="$work/theirs/vswitchd.log" 2> /dev/null
stop_theirs() { kill "$(cat "$work/theirs/ovs-vswitchd.pid")" "$(cat "$work/theirs/ovsdb-server.pid")" 2> /dev/null; clean_up; }
trap stop_theirs EXIT

ours() { in_switch "/usr/bin/$@"; }
debian() { ip netns exec "$theirs" env OVS_RUNDIR="$work/theirs" "/usr/bin/$@"; }

normal() {
  sed -E 's/(next rebalance|expires in):? -?[0-9]+ ms/\1 N ms/; s/Recirc-ID : [0-9]+/Recirc-ID : N/
    s/(PDUs|Expired|Defaulted|Changed): [0-9]+/\1: N/; s/^(bond.)\t([a-z-]+)\t[0-9]+\t(.*)$/\1 \2 \3/
    s/ovs-vswitchd(\.[0-9]+\.ctl)?/DAEMON/g; s/a2, a1/a1, a2/; s/b2, b1/b1, b2/' |
    awk 'BEGIN { h = "[0-9a-f][0-9a-f]"; address = h ":" h ":" h ":" h ":" h ":" h }
         { line = $0; out = ""
           while (match(line, address)) {
             mac = substr(line, RSTART, RLENGTH)
             if (!(mac in number)) number[mac] = ++count
             out = out substr(line, 1, RSTART - 1) "MAC" number[mac]; line = substr(line, RSTART + RLENGTH) }
           print out line }'
}
sorted() { if [ "$1" = bond/list ]; then sort; else cat; fi; }

# both WHAT...: ovs-appctl on both sides must print the same and end alike
both() {
  local mine his
  mine=$(ours ovs-appctl "$@" 2>&1; echo "exit $?") his=$(debian ovs-appctl "$@" 2>&1; echo "exit $?")
  same "ovs-appctl $*" "$(sorted "$1" <<< "$his" | normal)" "$(sorted "$1" <<< "$mine" | normal)"
}
# set_both WHAT...: ovs-vsctl on both sides
set_both() {
  ours ovs-vsctl "$@" > "$work/out" 2>&1 && debian ovs-vsctl "$@" > "$work/out" 2>&1 ||
    not_ok "ovs-vsctl $*" "$(cat "$work/out")"
}
settled() { # both members of both bonds are enabled, on both sides
  [ "$(ours ovs-appctl bond/show | grep -c '^member.*: enabled')" = 4 ] &&
    [ "$(debian ovs-appctl bond/show | grep -c '^member.*: enabled')" = 4 ]
}
first_active() { # which member is the first one is Open vSwitch's chance
  local side
  for side in ours debian; do
    $side ovs-appctl bond/set-active-member bond0 a1 > /dev/null; $side ovs-appctl bond/set-active-member bond1 b1 > /dev/null
  done
}
show() { both bond/show bond0; both bond/show bond1; both bond/list; }

for bridge in br0 br1; do
  ours ovs-vsctl add-br $bridge; debian ovs-vsctl add-br $bridge -- set bridge $bridge datapath_type=netdev
done
set_both add-bond br0 bond0 a1 a2 -- set Interface a1 ofport_request=11 -- set Interface a2 ofport_request=12
set_both add-bond br1 bond1 b1 b2 -- set Interface b1 ofport_request=21 -- set Interface b2 ofport_request=22
check "both sides come up" within 10 settled
first_active
show
both lacp/show; both lacp/show-stats; both bond/show nope; both lacp/show nope

for end in a b; do
  for n in 1 2; do
    set_both set Interface $end$n other_config:lacp-aggregation-key=10 other_config:lacp-port-priority=$((n * 100)) \
      other_config:lacp-port-id=$((n + 50))
  done
done
set_both set Port bond0 lacp=active other_config:lacp-time=fast other_config:lacp-system-priority=77 \
  other_config:lacp-system-id=02:00:00:00:00:aa -- set Port bond1 lacp=passive
sleep 3
check "LACP is negotiated" within 10 settled
first_active
show
both lacp/show bond0; both lacp/show bond1; both lacp/show-stats bond0
set_both set Port bond1 lacp=off
sleep 7
show; both lacp/show bond0
set_both set Port bond0 other_config:lacp-fallback-ab=true bond_mode=balance-tcp
sleep 1
first_active
show; both lacp/show bond0
set_both set Port bond1 lacp=active bond_mode=balance-tcp
sleep 3
check "LACP is negotiated again" within 10 settled
first_active
show
set_both set Port bond0 lacp=off bond_mode=balance-slb bond_updelay=300 bond_downdelay=200 other_config:all-members-active=true
set_both set Port bond1 lacp=off bond_mode=balance-slb other_config:bond-rebalance-interval=0 other_config:bond-primary=b2
sleep 2
first_active
show
both bond/migrate bond0 3 a2; both bond/migrate bond0 x a2; both bond/migrate bond0 3 zz; both bond/migrate zz 3 a2
both bond/set-active-member bond0 a2; both bond/set-active-member bond0 a2; both bond/set-active-member bond0 zz
both bond/disable-member bond0 zz; both bond/enable-member bond0 a1
both bond/hash 02:00:00:00:00:01; both bond/hash 02:00:00:00:00:01 5; both bond/hash 02:00:00:00:00:01 5 6; both bond/hash x
set_both set Port bond1 bond_mode=active-backup other_config:bond-primary=nobody
sleep 0.5
both bond/show bond1
for side in "$switch" "$theirs"; do ip -n "$side" link set a1 down; done
sleep 1
show
for side in "$switch" "$theirs"; do ip -n "$side" link set a1 up; done
sleep 1.5
show
for side in ours debian; do
  $side ovs-vsctl get Port bond0 bond_active_slave > "$work/active.$side"
done
same "Port.bond_active_slave" "$(cat "$work/active.debian")" "$(cat "$work/active.ours")"

# The same as JSON, which Open vSwitch does not have: our own tool, and what must be in it.
json() { in_switch "$bin/ovs-appctl" -f json "$1" "${@:3}" | python3 -c "import json,sys; a=json.load(sys.stdin); print($2)" 2>&1; }
same "bond/list as JSON" "['bond0', 'bond1']" "$(json bond/list "[b['bond'] for b in a]")"
same "bond/show as JSON" "balance-slb ['a1', 'a2']" "$(json bond/show "a['bond0']['bond_mode'], sorted(a['bond0']['members'])" bond0 | sed "s/^('\(.*\)', \[/\1 [/; s/)$//")"
same "lacp/show as JSON" "{}" "$(json lacp/show a)"

both fdb/add br0 br0 0 02:00:00:00:00:05; both fdb/add br0 br0 0 02:00:00:00:00:05; both fdb/add br0 br0 7 02:00:00:00:00:06
both fdb/add br0 nope 0 02:00:00:00:00:05; both fdb/add nope br0 0 02:00:00:00:00:05; both fdb/add br0 br0 0 x
both fdb/show br0; both fdb/show nope; both fdb/stats-show br0
both fdb/del br0 0 02:00:00:00:00:05; both fdb/del br0 0 02:00:00:00:00:05; both fdb/del br0 0 x
both fdb/flush br0; both fdb/flush; both fdb/flush nope; both fdb/stats-clear; both fdb/show br0
finish
