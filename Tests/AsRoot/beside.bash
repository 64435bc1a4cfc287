# What scripts share that compare our switch with Debian's Open vSwitch (userspace datapath): the same
# links in two namespaces, and the same commands to both by Debian's unmodified tools. To be sourced
# after `begin`.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
theirs=$name-ovs

end_theirs() {
  local pid
  for pid in "$work"/theirs/*.pid; do [ ! -s "$pid" ] || kill "$(cat "$pid")" 2> /dev/null; done
  clean_up
}

# beside_up N: both switches, and in either namespace N cables, pN in the switch and eN for tests
beside_up() {
  local ns n
  switch_up
  ip netns add "$theirs" && ip -n "$theirs" link set lo up || { not_ok "a namespace"; finish; }
  for ns in "$switch" "$theirs"; do
    ip netns exec "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    for n in $(seq "$1"); do
      printf 'link add p%d type veth peer name e%d\nlink set p%d up\nlink set e%d up\n' "$n" "$n" "$n" "$n"
    done | ip -n "$ns" -batch - || { not_ok "cables"; finish; }
  done
  mkdir "$work/theirs"
  ovsdb-tool create "$work/theirs/conf.db" /usr/share/openvswitch/vswitch.ovsschema
  ip netns exec "$theirs" env OVS_RUNDIR="$work/theirs" ovsdb-server "$work/theirs/conf.db" --detach --no-chdir \
    --remote="punix:$work/theirs/db.sock" --pidfile="$work/theirs/ovsdb-server.pid" --log-file="$work/theirs/db.log" 2> /dev/null
  start_theirs
  trap end_theirs EXIT
}

# Its vswitchd alone, with flows that match exactly: its cached flows do not look at all that they
# were decided by (a tag's priority), so that what it does with a frame depends on those before.
start_theirs() {
  ip netns exec "$theirs" env OVS_RUNDIR="$work/theirs" ovs-vswitchd "unix:$work/theirs/db.sock" --detach --no-chdir \
    --pidfile="$work/theirs/ovs-vswitchd.pid" --log-file="$work/theirs/vswitchd.log" 2> /dev/null
  debian ovs-appctl upcall/disable-megaflows > /dev/null
}
restart_theirs() { debian ovs-appctl exit; within 5 test ! -e "$work/theirs/ovs-vswitchd.pid"; start_theirs; debian ovs-vsctl --timeout=10 set Open_vSwitch . external-ids:restarted=1; }

ours() { in_switch "/usr/bin/$@"; }
debian() { ip netns exec "$theirs" env OVS_RUNDIR="$work/theirs" "/usr/bin/$@"; }

# set_both WHAT...: ovs-vsctl on both sides; theirs is told to use its userspace datapath
set_both() {
  local more=()
  [ "$1" != add-br ] || more=(-- set Bridge "$2" datapath_type=netdev)
  ours ovs-vsctl "$@" > "$work/out" 2>&1 && debian ovs-vsctl "$@" "${more[@]}" > "$work/out" 2>&1 ||
    not_ok "ovs-vsctl $*" "$(cat "$work/out")"
}
# both_do TOOL WHAT...: on both sides, whatever they say
both_do() { ours "$@" > /dev/null 2>&1; debian "$@" > /dev/null 2>&1; }
# both FILTER WHAT...: ovs-appctl on both sides must print the same, after FILTER, and end alike
both() {
  local filter=$1 mine his
  shift
  mine=$(ours ovs-appctl "$@" 2>&1; echo "exit $?") his=$(debian ovs-appctl "$@" 2>&1; echo "exit $?")
  same "ovs-appctl $*" "$($filter <<< "$his")" "$($filter <<< "$mine")"
}
