# What the scripts of this folder share: a switch in network namespaces of its own, and a count.
#
# A script gets the folder of the programs as $1, sources this file, calls `begin NAME`, then `switch_up`
# and `host N …`, and ends with `finish`. Whatever it made is removed when it ends, also when it fails.

bin=$(cd "${1:?the folder of the programs}" && pwd) || exit 1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
passed=0 failed=0

ok() { passed=$((passed + 1)); echo "ok    $1"; }
not_ok() { failed=$((failed + 1)); echo "FAIL  $1"; [ $# -lt 2 ] || sed 's/^/        /' <<< "$2"; }
# check WHAT COMMAND...: the command must succeed
check() { local what=$1 out; shift; if out=$("$@" 2>&1); then ok "$what"; else not_ok "$what" "$out"; fi; }
# refuse WHAT COMMAND...: the command must fail
refuse() { local what=$1 out; shift; if out=$("$@" 2>&1); then not_ok "$what" "$out"; else ok "$what"; fi; }
# same WHAT WANTED GOT
same() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "wanted: $2
got:    $3"; fi; }
# like WHAT PATTERN TEXT: the text contains the extended regular expression
like() { if grep -qE -- "$2" <<< "$3"; then ok "$1"; else not_ok "$1" "wanted: $2
got:    $3"; fi; }
# within SECONDS COMMAND...: the command succeeds before the time is over
within() { local n=$(($1 * 10)); shift; for _ in $(seq "$n"); do "$@" > /dev/null 2>&1 && return 0; sleep 0.1; done; return 1; }

begin() { # begin NAME: names for namespaces that no other run has, and temporary places
  name=apus-t-$1.$$
  work=$(mktemp -d "/tmp/$name.XXXXXX")
  chmod 755 "$work"
  switch=$name-sw
  export OVS_RUNDIR=$work/run OVS_DBDIR=$work/db OVS_LOGDIR=$work/log
  mkdir "$OVS_RUNDIR" "$OVS_DBDIR" "$OVS_LOGDIR"
  export PATH=$bin:$PATH
  trap clean_up EXIT
  trap 'exit 1' INT TERM
}

clean_up() {
  local status=$?
  "$root/tools/stop"
  [ $status = 0 ] || [ $failed = 0 ] || { echo "--- the end of the logs"; tail -n 15 "$OVS_LOGDIR"/*.log 2> /dev/null; }
  local ns
  for ns in $(ip netns list | awk -v n="$name-" 'index($1, n) == 1 { print $1 }'); do
    ip netns pids "$ns" | xargs -r kill -KILL 2> /dev/null
    ip netns del "$ns"
  done
  rm -rf "$work"
}

finish() { echo "$passed passed, $failed failed"; [ $failed = 0 ]; exit; }

in_switch() { ip netns exec "$switch" "$@"; }
in_host() { local n=$1; shift; ip netns exec "$name-h$n" "$@"; }

start_ovsdb() { in_switch "$bin/apus-ovsdb" --pidfile --detach --log-file; }
# DATAPATH_OPTIONS='--workers 2' has any script run with as many.
start_datapath() { in_switch "$bin/apus-datapath" ${DATAPATH_OPTIONS-} --pidfile --detach --log-file; }
start_vswitchd() { in_switch "$bin/apus-vswitchd" --pidfile --detach --log-file; }

switch_up() {
  ip netns add "$switch" && in_switch ip link set lo up &&
    start_ovsdb && start_datapath && start_vswitchd || { not_ok "the switch starts"; finish; }
}

# host N: a namespace with eth0 at 10.9.0.N/24, whose other end is port pN in the switch's namespace
host() {
  local n=$1 ns=$name-h$1
  ip netns add "$ns" &&
    ip netns exec "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 &&
    ip link add "p$n" netns "$switch" type veth peer name eth0 netns "$ns" &&
    in_switch sysctl -qw "net.ipv6.conf.p$n.disable_ipv6=1" &&
    in_switch ip link set "p$n" up && ip -n "$ns" link set lo up && ip -n "$ns" link set eth0 up &&
    ip -n "$ns" address add "10.9.0.$n/24" dev eth0 || { not_ok "host $n could be made"; finish; }
}
