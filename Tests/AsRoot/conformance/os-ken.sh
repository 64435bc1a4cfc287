#!/bin/bash
# The switch tests that os-ken carries, with its tester as shipped: Debian's Open vSwitch sends and
# catches the packets, Apus is the switch that is tested. Prints one line for each test file.
#
#   sudo Tests/AsRoot/conformance/os-ken.sh .build/bin [of10|of13|of14] [RUNS]    (of10, 1)
#
# Takes os-ken 2.11.2 from the Python package index into a temporary folder. All rows must be OK in
# every run. It takes minutes: tools/test does not run it.
source "$(dirname "$0")/../common.bash"
begin osken
suite=${2:-of10} runs=${3:-1}
version=openflow${suite#of}
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q os-ken==2.11.2 ||
  { not_ok "os-ken could be installed"; finish; }
tests=$(find "$work/venv" -type d -path "*os_ken/tests/switch/$suite")

switch_up
stop_theirs() {
  kill "$(cat "$work/theirs/ovs-vswitchd.pid")" "$(cat "$work/theirs/ovsdb-server.pid")" 2> /dev/null
  clean_up
}
trap stop_theirs EXIT
mkdir "$work/theirs"
theirs() { ip netns exec "$switch" env OVS_RUNDIR="$work/theirs" "$@"; }
ovsdb-tool create "$work/theirs/conf.db" /usr/share/openvswitch/vswitch.ovsschema
theirs ovsdb-server "$work/theirs/conf.db" --detach --no-chdir --remote="punix:$work/theirs/db.sock" \
  --pidfile="$work/theirs/ovsdb-server.pid" --log-file="$work/theirs/db.log" 2> /dev/null
theirs ovs-vswitchd "unix:$work/theirs/db.sock" --detach --no-chdir \
  --pidfile="$work/theirs/ovs-vswitchd.pid" --log-file="$work/theirs/vswitchd.log" 2> /dev/null

for n in 1 2 3; do
  in_switch ip link add "target$n" type veth peer name "tester$n"
  for end in "target$n" "tester$n"; do
    in_switch sysctl -qw "net.ipv6.conf.$end.disable_ipv6=1"
    in_switch ip link set "$end" up
  done
done
protocols=OpenFlow${suite#of}
bridge() { # bridge NAME DPID: what both switches are told
  echo "add-br $1 -- set Bridge $1 fail_mode=secure protocols=$protocols other-config:datapath-id=$2
    -- add-port $1 ${1}1 -- set Interface ${1}1 ofport_request=1
    -- add-port $1 ${1}2 -- set Interface ${1}2 ofport_request=2
    -- add-port $1 ${1}3 -- set Interface ${1}3 ofport_request=3
    -- set-controller $1 tcp:127.0.0.1:6653"
}
# Words of the text are separate arguments.
# shellcheck disable=SC2046
check "Apus is the target" in_switch ovs-vsctl $(bridge target 0000000000000001)
# shellcheck disable=SC2046
check "Open vSwitch is the tester" theirs /usr/bin/ovs-vsctl $(bridge tester 0000000000000002) \
  -- set Bridge tester datapath_type=netdev

for run in $(seq "$runs"); do
  (cd "$work" && in_switch timeout 1500 "$work/venv/bin/osken-manager" --ofp-tcp-listen-port 6653 \
    --test-switch-target-version "$version" --test-switch-tester-version "$version" \
    --test-switch-dir "$tests" os_ken.tests.switch.tester) > "$work/run$run" 2>&1
  grep -aE 'ERROR|action:|match:|group:|meter:|OK\(' "$work/run$run" | grep -a ERROR | sed 's/^/        /' | head -40
  like "run $run: all tests are OK" 'OK\([0-9]+\) / ERROR\(0\)' "$(tail -n 5 "$work/run$run")"
  tail -n 3 "$work/run$run"
done
finish
