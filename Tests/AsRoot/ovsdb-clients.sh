#!/bin/bash
# Unmodified Open vSwitch clients against apus-ovsdb.
#
#   ovsdb-clients.sh FOLDER     FOLDER holds the built programs
#
# Works in a temporary directory, takes about ten seconds, prints one line for each check and then
# "N passed, M failed"; exits 1 if any failed. Needs Debian's openvswitch-switch for its clients
# (ovs-vsctl, ovsdb-client, ovsdb-tool, ovs-appctl). Its ovs-vswitchd and ovsdb-server are started
# here too, in the temporary directory, one of them in a network namespace of its own; a running
# Open vSwitch is never touched.
set -u
server="${1:?usage: $0 FOLDER}/apus-ovsdb"
work=$(mktemp -d)
export OVS_RUNDIR="$work" OVS_DBDIR="$work" OVS_LOGDIR="$work"
db="unix:$work/db.sock"
pid=""
other=""
space="ovsdb-clients-$$"
passed=0
failed=0

cleanup() {
    [ -n "$pid" ] && kill -9 "$pid" 2>/dev/null
    [ -n "$other" ] && kill -9 "$other" 2>/dev/null
    ip netns del "$space" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT

say() { # result name [text]
    if [ "$1" = 0 ]; then
        passed=$((passed + 1))
        echo "ok      $2"
    else
        failed=$((failed + 1))
        echo "FAILED  $2${3:+: $3}"
    fi
}

# same NAME EXPECTED COMMAND...: the command succeeds and prints just that.
same() {
    local name=$1 expected=$2 text status
    shift 2
    text=$("$@" 2>&1)
    status=$?
    [ $status = 0 ] && [ "$text" = "$expected" ]
    say $? "$name" "status $status, \"$text\" instead of \"$expected\""
}

# has NAME PATTERN COMMAND...: what it prints, on either stream, matches; its status is its own.
has() {
    local name=$1 pattern=$2 text
    shift 2
    text=$("$@" 2>&1)
    grep -qE -- "$pattern" <<<"$text"
    say $? "$name" "\"$text\" has no $pattern"
}

start() {
    "$server" "$@" >>"$work/log" 2>&1 &
    pid=$!
    for _ in $(seq 100); do
        [ -S "$work/db.sock" ] && ovsdb-client --timeout=1 list-dbs "$db" >/dev/null 2>&1 && return
        sleep 0.05
    done
    say 1 "the server starts" "$(tail -3 "$work/log")"
}

stop() { # SIGNAL
    kill "-$1" "$pid"
    wait "$pid" 2>/dev/null
    local status=$?
    pid=""
    return $status
}

vsctl() { ovs-vsctl --timeout=5 --db="$db" --no-wait "$@"; }

# ---- ovs-vsctl

start
same "init" "" vsctl init
same "add-br" "" vsctl add-br br0
same "add-br of another" "" vsctl add-br br1
same "add-port with a tag" "" vsctl add-port br0 eth9 tag=5
same "add-bond" "" vsctl add-bond br0 bond0 e1 e2 bond_mode=active-backup lacp=active
same "list-br" $'br0\nbr1' vsctl list-br
same "list-ports" $'bond0\neth9' vsctl list-ports br0
same "iface-to-br" "br0" vsctl iface-to-br e2
same "get of a tag" "5" vsctl get Port eth9 tag
same "set of a map" "" vsctl set Port eth9 other_config:a=b
same "get of a map's key" "b" vsctl get Port eth9 other_config:a
same "set of a set" "" vsctl set Port eth9 trunks=102,101
same "get of a set" "[101, 102]" vsctl get Port eth9 trunks
same "clear" "" vsctl clear Port eth9 tag
same "get of nothing" "[]" vsctl get Port eth9 tag
same "add to a set" "" vsctl add Port eth9 trunks 7
same "remove from a set" "" vsctl remove Port eth9 trunks 101
same "the set then" "[7, 102]" vsctl get Port eth9 trunks
same "the lecture's flood-vlans" "" vsctl set bridge br0 flood-vlans=101,102,103
same "set-controller" "" vsctl set-controller br0 tcp:192.0.2.1:6653
same "get-controller" "tcp:192.0.2.1:6653" vsctl get-controller br0
same "set-fail-mode" "" vsctl set-fail-mode br0 secure
same "set-manager" "" vsctl set-manager ptcp:6640
same "set-ssl" "" vsctl set-ssl /k /c /ca
has "a mirror by its name" "^[0-9a-f-]{36}$" \
    vsctl -- --id=@m create Mirror name=m select_all=true -- --id=@p get Port eth9 \
    -- set Mirror m output_port=@p -- set Bridge br0 mirrors=@m
has "queues by their names" "^[0-9a-f-]{36}$" \
    vsctl set Port eth9 qos=@q -- --id=@q create QoS type=linux-htb queues:0=@x \
    -- --id=@x create Queue other_config:max-rate=5
has "show" 'Controller "tcp:192.0.2.1:6653"' vsctl show
has "find" "eth9" vsctl --columns=name find Port trunks=7,102
same "a weak reference goes" "[]" sh -c \
    "ovs-vsctl --timeout=5 --db=$db --no-wait del-port eth9 -- get Mirror m output_port \
     >/dev/null; ovs-vsctl --timeout=5 --db=$db get Mirror m output_port"
has "a name that is taken" "already exists" vsctl add-port br0 bond0
has "a value that is too large" "range" vsctl set Port br0 tag=4096
same "del-br" "" vsctl del-br br0
same "nothing of it is left" $'br1' vsctl --bare --columns=name list Interface
same "--dry-run changes nothing" "" vsctl --dry-run add-br br2
same "list-br then" "br1" vsctl list-br

# ---- ovsdb-client

client() { ovsdb-client --timeout=5 "$@"; }
has "list-dbs" "^Open_vSwitch$" client list-dbs "$db"
has "list-tables" "^Interface" client list-tables "$db" Open_vSwitch
has "list-columns" "flood_vlans" client list-columns "$db" Open_vSwitch Bridge
has "dump" "br1" client dump "$db" Open_vSwitch Bridge name
has "dump of the server's own database" "standalone" client dump "$db" _Server Database
has "a transaction's error by name" "constraint violation" client transact "$db" \
    '["Open_vSwitch",{"op":"update","table":"Port","where":[],"row":{"tag":4096}}]'
has "results after an error" '\{\},\{"details":"[^"]*","error":"aborted"\},null' client transact "$db" \
    '["Open_vSwitch",{"op":"comment","comment":"x"},{"op":"abort"},{"op":"abort"}]'

for form in monitor monitor-cond monitor-cond-since; do
    condition=()
    if [ $form != monitor ]; then condition=('[]'); fi
    arguments=("$db" Open_vSwitch)
    [ $form = monitor-cond-since ] && arguments+=(00000000-0000-0000-0000-000000000000)
    : >"$work/monitor"  # What the one before heard must not be taken for the first picture.
    timeout 10 ovsdb-client $form "${arguments[@]}" "${condition[@]}" Bridge name \
        >"$work/monitor" 2>&1 &
    monitor=$!
    for _ in $(seq 100); do grep -q br1 "$work/monitor" && break; sleep 0.05; done
    vsctl add-br "news-$form"
    for _ in $(seq 100); do grep -q "insert *\"\?news" "$work/monitor" && break; sleep 0.05; done
    has "$form hears of an insert" "insert +\"?news-$form" cat "$work/monitor"
    kill $monitor 2>/dev/null
    wait $monitor 2>/dev/null
    vsctl del-br "news-$form"
done

(sleep 1; vsctl add-br late) &
say "$(client wait "$db" Open_vSwitch connected >/dev/null 2>&1; echo $?)" "ovsdb-client wait"
same "wait-until is told" "" ovs-vsctl --timeout=5 --db="$db" wait-until Bridge late

# ---- the unmodified ovs-vswitchd, on its pretended datapath

if ip netns add "$space"; then
    ip netns exec "$space" ovs-vswitchd "$db" --disable-system --enable-dummy=override \
        --unixctl="$work/vswitchd.ctl" >"$work/vswitchd.log" 2>&1 &
    other=$!
    same "ovs-vswitchd configures a bridge" "" ovs-vsctl --timeout=10 --db="$db" \
        add-br dummy0 -- set Bridge dummy0 datapath_type=dummy
    same "and a port" "" ovs-vsctl --timeout=10 --db="$db" \
        add-port dummy0 p1 tag=5 -- set Interface p1 type=dummy
    same "and says its number" "1" vsctl get Interface p1 ofport
    same "next_cfg and cur_cfg agree" "" sh -c "ovs-vsctl --timeout=5 --db=$db \
        get Open_vSwitch . next_cfg cur_cfg | uniq -u"
    same "and it lets the bridge go" "" ovs-vsctl --timeout=10 --db="$db" del-br dummy0
    kill "$other"
    wait "$other" 2>/dev/null
    other=""
else
    say 1 "a network namespace for ovs-vswitchd"
fi

# ---- the control socket, a second server, the end

has "ovs-appctl list-dbs" "^Open_vSwitch$" ovs-appctl -t ovsdb-server ovsdb-server/list-dbs
same "add-remote" "" ovs-appctl -t ovsdb-server ovsdb-server/add-remote "punix:$work/two.sock"
has "list-remotes" "punix:$work/two.sock" ovs-appctl -t ovsdb-server ovsdb-server/list-remotes
has "the second remote answers" "^Open_vSwitch$" client list-dbs "unix:$work/two.sock"
same "remove-remote" "" ovs-appctl -t ovsdb-server ovsdb-server/remove-remote "punix:$work/two.sock"
has "a second server of the same file is refused" "in use by process $pid" env \
    OVS_RUNDIR="$work/other" timeout 10 "$server" "$work/conf.db"
stop TERM
say $? "SIGTERM ends it with status 0"
[ ! -e "$work/db.sock" ] && [ ! -e "$work/ovsdb-server.pid" ]
say $? "its socket and pid file are gone"

# ---- the file

same "ovsdb-tool db-version" "8.8.0" ovsdb-tool db-version "$work/conf.db"
has "ovsdb-tool show-log" "record 2: .*add-br br0" ovsdb-tool show-log "$work/conf.db"
has "ovsdb-tool query" '"name":"br1"' ovsdb-tool query "$work/conf.db" \
    '["Open_vSwitch",{"op":"select","table":"Bridge","where":[],"columns":["name"]}]'
same "ovsdb-tool compact leaves a file that we open" "" ovsdb-tool compact "$work/conf.db"
start
same "the bridges are there again" $'br1\nlate' vsctl list-br
stop TERM

# A file that Open vSwitch's own server wrote, with differences in it.
rm -f "$work"/*conf.db*
ovsdb-tool create "$work/conf.db" /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server --remote="punix:$work/db.sock" --unixctl="$work/server.ctl" "$work/conf.db" \
    >"$work/server.log" 2>&1 &
other=$!
for _ in $(seq 100); do [ -S "$work/db.sock" ] && break; sleep 0.05; done
vsctl init
vsctl add-br br0 -- add-port br0 e1 trunks=1,2,3
vsctl set Port e1 trunks=3,4 other_config:a=b other_config:c=d
vsctl set Port e1 other_config:a=z -- remove Port e1 other_config c
vsctl add-port br0 e2 -- del-port br0 e2
client dump "$db" Open_vSwitch >"$work/theirs" 2>&1
kill "$other"
wait "$other" 2>/dev/null
other=""
rm -f "$work/db.sock"
start
client dump "$db" Open_vSwitch >"$work/ours" 2>&1
[ -s "$work/ours" ] && grep -q e1 "$work/ours" && cmp "$work/theirs" "$work/ours"
say $? "a file that ovsdb-server wrote is read to the same rows"
stop TERM

rm -f "$work"/*conf.db*
ovsdb-tool create "$work/conf.db" /usr/share/openvswitch/vswitch.ovsschema
start
same "a file made by ovsdb-tool is served" "" vsctl add-br br7
has "with its own checksum" "cksum.*[0-9]+ [0-9]+" client get-schema "$db"
stop TERM

# ---- kill -9 under a stream of transactions: what was acknowledged is there

rm -f "$work"/*conf.db*
start
vsctl init
for round in 1 2 3; do
    for writer in 1 2 3 4; do
        (
            number=0
            while vsctl set Open_vSwitch . "external_ids:k$round-$writer-$number=1" 2>/dev/null; do
                echo "k$round-$writer-$number" >>"$work/acknowledged-$writer"
                number=$((number + 1))
            done
        ) &
    done
    sleep 1.$round
    kill -9 "$pid"
    wait 2>/dev/null
    pid=""
    start
    vsctl get Open_vSwitch . external_ids | tr ' {},' '\n' | sed 's/=.*//; s/"//g' | sort >"$work/present"
    cat "$work"/acknowledged-* | sort >"$work/acknowledged"
    missing=$(comm -23 "$work/acknowledged" "$work/present" | wc -l)
    [ "$missing" = 0 ] && [ -s "$work/acknowledged" ]
    say $? "kill -9, round $round: all $(wc -l <"$work/acknowledged") acknowledged changes are there" \
        "$missing missing"
done
same "ovsdb-tool reads the file" "8.8.0" ovsdb-tool db-version "$work/conf.db"
stop TERM

# ---- a torn end

printf 'OVSDB JSON 100 0000000000000000000000000000000000000000\n{"Open_' >>"$work/conf.db"
start
has "a torn transaction is cut with a clear line" "63 bytes from byte [0-9]+ .*cut off" tail -5 "$work/log"
same "and the database goes on" "" vsctl add-br after
stop TERM
has "in a file that is whole" "add-br after" ovsdb-tool show-log "$work/conf.db"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
