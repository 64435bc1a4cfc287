#!/bin/bash
# Lives the life of each daemon once: help, start, second start refused, talk, stop, detach, crash.
#
#     daemon-life.sh BIN_DIR
#
# Checks whichever of apus-ovsdb, apus-vswitchd and apus-datapath stand in BIN_DIR, and apus, the
# tools, beside them. Uses Open vSwitch's own ovs-appctl too if it is installed. Everything happens
# in a directory of its own and in a network namespace of its own; both are gone afterwards.
set -u

[ $# = 1 ] || { echo "usage: $0 BIN_DIR" >&2; exit 2; }
bin=$(cd "$1" && pwd) || exit 2
if [ -z "${DAEMON_LIFE_INSIDE:-}" ] && [ "$(id -u)" = 0 ]; then
    DAEMON_LIFE_INSIDE=1 exec unshare --net "$0" "$bin"
fi

place=$(mktemp -d /tmp/apus-life-XXXXXX)
export OVS_RUNDIR=$place/run OVS_DBDIR=$place/db OVS_LOGDIR=$place/log
started=()
cleanup() {
    for pid in ${started[@]+"${started[@]}"}; do kill -KILL "$pid" 2>/dev/null; done
    rm -rf "$place"
}
trap cleanup EXIT

passed=0 failed=0
check() { # what, command...: the command must succeed
    local what=$1
    shift
    if "$@" >"$place/out" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
        sed 's/^/    /' "$place/out"
    fi
}
refused() { # command...: it must fail by its own will, neither by a signal nor by the time limit
    "$@"
    local code=$?
    [ "$code" -gt 0 ] && [ "$code" -lt 124 ]
}
says() { # words, command...: the command's output must contain the words
    local words=$1 output
    shift
    output=$("$@" 2>&1)
    printf '%s\n' "$output"
    [[ $output == *"$words"* ]]
}
within() { # seconds, command...: the command must succeed before the time is over
    local tries=$(($1 * 20))
    shift
    while ! "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.05
    done
}
is_gone() { ! kill -0 "$1" 2>/dev/null; }
leaves_nothing() { # name: no pid file and no socket of it
    ls -A "$OVS_RUNDIR"
    [ ! -e "$OVS_RUNDIR/$1.pid" ] && [ -z "$(find "$OVS_RUNDIR" -type s)" ]
}

# The life of one daemon. Arguments: program, the name that tools know it by, its own options...
live() {
    local program=$bin/$1 name=$2 pid
    shift 2
    local start=(timeout 60 "$program" "$@")
    mkdir -p "$OVS_RUNDIR"
    rm -f "$OVS_RUNDIR"/*
    check "$name --help shows the options" says --detach timeout 10 "$program" --help
    check "$name --version names it" says "$name (Apus)" timeout 10 "$program" --version
    check "$name refuses an unknown option" refused timeout 10 "$program" --no-such-option

    check "$name --detach returns when ready" "${start[@]}" --detach --pidfile --log-file
    pid=$(cat "$OVS_RUNDIR/$name.pid" 2>/dev/null) || return
    started+=("$pid")
    check "$name runs as its pid file says" kill -0 "$pid"
    check "$name has its control socket at once" test -S "$OVS_RUNDIR/$name.$pid.ctl"
    check "$name has a log file" test -s "$OVS_LOGDIR/$name.log"
    check "$name refuses to run twice" refused timeout 10 "$program" "$@"
    check "$name names the other instance" says "as process $pid" timeout 10 "$program" "$@"
    check "$name refuses to detach twice" refused timeout 10 "$program" "$@" --detach
    check "$name is still there" kill -0 "$pid"
    check "$name keeps its pid file" test "$(cat "$OVS_RUNDIR/$name.pid")" = "$pid"

    talk "$name" timeout 10 "$bin/apus" appctl -t "$name"
    [ -x /usr/bin/ovs-appctl ] && talk "$name" timeout 10 /usr/bin/ovs-appctl -t "$name"

    kill -TERM "$pid"
    check "$name stops within 5 s of SIGTERM" within 5 is_gone "$pid"
    check "$name leaves no pid file and no socket" leaves_nothing "$name"

    "${start[@]}" >"$place/foreground" 2>&1 &
    local child=$!
    started+=("$child")
    check "$name runs in the foreground" within 30 test -s "$OVS_RUNDIR/$name.pid"
    check "$name answers in the foreground" \
        within 30 timeout 10 "$bin/apus" appctl -t "$name" version
    pid=$(cat "$OVS_RUNDIR/$name.pid")
    started+=("$pid")
    check "$name stops when asked by exit" timeout 10 "$bin/apus" appctl -t "$name" exit
    check "$name stops within 5 s of exit" within 5 is_gone "$pid"
    check "$name ends with code 0" wait "$child"
    check "$name leaves nothing again" leaves_nothing "$name"

    check "$name starts once more" "${start[@]}" --detach
    pid=$(cat "$OVS_RUNDIR/$name.pid")
    started+=("$pid")
    kill -KILL "$pid"
    within 5 is_gone "$pid"
    check "$name starts after a crash" "${start[@]}" --detach
    pid=$(cat "$OVS_RUNDIR/$name.pid")
    started+=("$pid")
    kill -INT "$pid"
    check "$name stops within 5 s of SIGINT" within 5 is_gone "$pid"
    check "the tool says that $name does not run" \
        says "$name does not run" timeout 10 "$bin/apus" appctl -t "$name" version
}

# Commands that every daemon answers. Arguments: name, ovs-appctl with its target...
talk() {
    local name=$1 tool=${4##*/}
    shift
    check "$tool: $name answers version" says "$name (Apus)" "$@" version
    check "$tool: $name lists its commands" says vlog/set "$@" list-commands
    check "$tool: $name lists log levels" says console "$@" vlog/list
    check "$tool: $name sets log levels" "$@" vlog/set file:dbg
    check "$tool: $name has set log levels" says DBG "$@" vlog/list
    check "$tool: $name reopens its log" "$@" vlog/reopen
    check "$tool: $name refuses an unknown command" refused "$@" no-such-command
}

lived=0
for pair in apus-datapath:apus-datapath apus-vswitchd:ovs-vswitchd \
    "apus-ovsdb:ovsdb-server:--remote=punix:$OVS_RUNDIR/db.sock"; do
    IFS=: read -r program name options <<<"$pair"
    [ -x "$bin/$program" ] || continue
    lived=$((lived + 1))
    live "$program" "$name" ${options:+"$options"}
done
[ "$lived" -gt 0 ] || { echo "no daemon stands in $bin" >&2; exit 2; }
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
