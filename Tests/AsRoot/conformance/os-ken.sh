#!/bin/bash
# The switch tests that os-ken carries, with its tester as shipped: Debian's Open vSwitch sends and
# catches the packets, Apus is the switch that is tested. Prints a table: for each file of tests how
# many it holds, and OK/ERROR of each run.
#
#   sudo Tests/AsRoot/conformance/os-ken.sh .build/bin [of10|of13|of14] [RUNS] [TARGET]    (of10, 1, apus)
#
# Instead of a suite, a part of one may be named: of13/action, of14/match.
# TARGET openvswitch tests Debian's Open vSwitch instead, for comparison. OSKEN_VENV names a folder
# where os-ken 2.11.2 is installed already; without it one is made from the Python package index. The
# suite of10 must be all OK in every run. It takes minutes: tools/test does not run it.
source "$(dirname "$0")/../common.bash"
begin osken
suite=${2:-of10} runs=${3:-1} target=${4:-apus}
version=${suite#of} version=${version%%/*}
venv=${OSKEN_VENV:-$work/venv}
[ -x "$venv/bin/osken-manager" ] ||
  { python3 -m venv "$venv" && "$venv/bin/pip" install -q --disable-pip-version-check os-ken==2.11.2; } ||
  { not_ok "os-ken could be installed"; finish; }
tests=$(find "$venv" -type d -path "*os_ken/tests/switch/$suite")
[ -d "$tests" ] || { not_ok "os-ken has a suite $suite"; finish; }

switch_up
stop_theirs() {
  kill "$(cat "$work/theirs/ovs-vswitchd.pid")" "$(cat "$work/theirs/ovsdb-server.pid")" 2> /dev/null
  clean_up
}
trap stop_theirs EXIT
mkdir "$work/theirs"
theirs() { in_switch env OVS_RUNDIR="$work/theirs" "$@"; }
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
bridge() { # bridge NAME DPID: what both switches are told
  echo "add-br $1 -- set Bridge $1 fail_mode=secure protocols=OpenFlow$version other-config:datapath-id=$2
    -- add-port $1 ${1}1 -- set Interface ${1}1 ofport_request=1
    -- add-port $1 ${1}2 -- set Interface ${1}2 ofport_request=2
    -- add-port $1 ${1}3 -- set Interface ${1}3 ofport_request=3
    -- set-controller $1 tcp:127.0.0.1:6653"
}
if [ "$target" = apus ]; then
  # Words of the text are separate arguments.
  # shellcheck disable=SC2046
  check "Apus is the target" in_switch ovs-vsctl $(bridge target 0000000000000001)
else
  # shellcheck disable=SC2046
  check "Open vSwitch is the target" theirs /usr/bin/ovs-vsctl $(bridge target 0000000000000001) \
    -- set Bridge target datapath_type=netdev
fi
# shellcheck disable=SC2046
check "Open vSwitch is the tester" theirs /usr/bin/ovs-vsctl $(bridge tester 0000000000000002) \
  -- set Bridge tester datapath_type=netdev

run_tests() { # run_tests N: run N's tale into $work/runN
  (cd "$work" && in_switch timeout 1500 "$venv/bin/osken-manager" --ofp-tcp-listen-port 6653 \
    --test-switch-target-version "openflow$version" --test-switch-tester-version "openflow$version" \
    --test-switch-dir "$tests" os_ken.tests.switch.tester) > "$work/run$1" 2>&1
}
# results RUN: "FILE<tab>OK|ERROR" for each test of a run. The tester names the file, which it indents
# by nothing, before its tests, which it indents by four.
results() {
  sed '/--- Test report ---/,$d' "$1" | tr -d '\r' | awk '
    /^(action|match|group|meter): / { file = $0 }
    /^    [^ ].* (OK|ERROR)$/ { print file "\t" $NF }'
}
# failures RUN: what failed, and what the tester says of it
failures() {
  sed '/--- Test report ---/,$d' "$1" | tr -d '\r' | awk '
    /^(action|match|group|meter): / { file = $0 }
    /^    [^ ].* ERROR$/ { print file; print; getline; print }'
}
for run in $(seq "$runs"); do
  run_tests "$run"
  results "$work/run$run" > "$work/results$run"
  like "run $run: all tests are OK" '^OK\([1-9][0-9]*\) / ERROR\(0\)$' "$(tail -n 4 "$work/run$run" | grep -a 'OK(')"
  failures "$work/run$run" | head -n 400 | cut -c 1-400
done

# shellcheck disable=SC2046
awk -F '\t' -v runs="$runs" '
  FNR == 1 { run++ }
  { if (!($1 in tests)) names[++n] = $1; total[$1, run]++; if (run == 1) tests[$1]++; else tests[$1] += 0
    good[$1, run] += $2 == "OK"; sum[run]++; allGood[run] += $2 == "OK" }
  END {
    printf "%-48s %5s", "file of tests", "tests"; for (r = 1; r <= runs; r++) printf "  run %d OK/ERROR", r; print ""
    for (i = 1; i <= n; i++) {
      printf "%-48s %5d", names[i], tests[names[i]]
      for (r = 1; r <= runs; r++) printf "  %9d/%-5d", good[names[i], r], total[names[i], r] - good[names[i], r]
      print ""
    }
    printf "%-48s %5d", "all", sum[1]; for (r = 1; r <= runs; r++) printf "  %9d/%-5d", allGood[r], sum[r] - allGood[r]; print ""
  }' $(seq -f "$work/results%g" "$runs")
finish
