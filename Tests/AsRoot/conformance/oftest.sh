#!/bin/bash
# OFTest, the suite of the Open Networking Foundation's early years, with Apus as the switch and Debian's
# Open vSwitch beside it. Prints what each passed, and every test that one passed and the other did not.
#
#   sudo Tests/AsRoot/conformance/oftest.sh .build/bin OFTEST [1.0|1.2|1.3|1.4] [TEST...]    (1.0, all)
#
# OFTEST is a checkout of github.com/floodlight/oftest. It is Python 2: PYTHON2 names the interpreter
# (python2), which must find scapy 2.3.3 and ipaddr (PYTHONPATH). Tests of Big Switch's own extensions
# (bsn_*) are left out. A test takes about three seconds: tools/test does not run it.
source "$(dirname "$0")/../common.bash"
begin oftest
source "$(dirname "$0")/../beside.bash"
suite=$(cd "${2:?the folder of OFTest}" && pwd) version=${3:-1.0} python=${PYTHON2:-python2}
shift $(($# > 3 ? 3 : $#))
tests=$suite/tests
[ "$version" = 1.0 ] || tests=$suite/tests-$version
oft() { (cd "$suite" && "$@" "$python" ./oft -V "$version" --test-dir "$tests" "${options[@]}"); }

options=(--list-test-names)
listed=$(oft env 2> "$work/why" | grep -E '^[a-z_0-9]+\.[A-Za-z0-9_]+$' | grep -v '^bsn_')
[ -n "$listed" ] || { not_ok "OFTest lists its tests" "$(cat "$work/why")"; finish; }
[ $# -gt 0 ] || mapfile -t chosen <<< "$listed"
[ $# = 0 ] || chosen=("$@")

beside_up 4
set_both add-br br0
set_both set Bridge br0 fail_mode=secure "protocols=OpenFlow${version/./}"
for n in 1 2 3 4; do set_both add-port br0 "p$n" -- set Interface "p$n" "ofport_request=$n"; done
set_both set-controller br0 tcp:127.0.0.1:6653 -- set Controller br0 max_backoff=1000

# run NAMESPACE RESULTS: in either namespace OFTest is the controller, and holds the other ends of the cables
run() {
  options=(-i 1@e1 -i 2@e2 -i 3@e3 -i 4@e4 --default-timeout=3 --default-negative-timeout=0.3
    --log-file="$work/$1.log" "${chosen[@]}")
  oft ip netns exec "$1" timeout $((60 + 20 * ${#chosen[@]})) > "$2" 2>&1
}
run "$switch" "$work/apus" &
run "$theirs" "$work/ovs" &
wait %1 %2

passed_by() { sed -n 's/^\([a-z_0-9]*\.[A-Za-z0-9_]*\) \.\.\. ok.*/\1/p' "$1" | sort; }
passed_by "$work/apus" > "$work/apus.ok"
passed_by "$work/ovs" > "$work/ovs.ok"
printf 'OFTest %s: %d tests, Apus passed %d, Open vSwitch %d\n' "$version" "${#chosen[@]}" \
  "$(wc -l < "$work/apus.ok")" "$(wc -l < "$work/ovs.ok")"
comm -23 "$work/apus.ok" "$work/ovs.ok" | sed 's/^/passed by Apus alone: /'
printf '%s\n' "${chosen[@]}" | sort | comm -23 - <(sort -m "$work/apus.ok" "$work/ovs.ok") |
  sed 's/^/failed by both: /'
same "what Open vSwitch passes, Apus passes" "" "$(comm -13 "$work/apus.ok" "$work/ovs.ok")"
finish
