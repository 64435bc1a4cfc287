#!/bin/bash
# Runs the same commands with our ovs-vsctl and with Open vSwitch's, each against a database server
# of its own, and compares output, messages and exit statuses.
#
#     vsctl-compare.sh BIN_DIR [SERVER [TOOL]]
#
# BIN_DIR has `apus` and `apus-ovsdb`. On the other side Open vSwitch's tool talks to Open vSwitch's
# server. On ours, SERVER is `debian` for Open vSwitch's ovsdb-server or the path of apus-ovsdb, and
# TOOL is `debian` for Open vSwitch's ovs-vsctl; without it, it is our own. Without SERVER all three
# pairs are tried in which something is ours.
#
# Two things are left out because Open vSwitch 3.1 differs from its own manual and from later
# versions: `add` of a key that a map has already, and `add` of one value too many.
#
# UUIDs become U1, U2, ... in the order in which they first appear; records of `list`, `find` and
# references of `show` have no order of their own, so they are sorted. Suggestions such as "(did
# you mean tag?)", which only ours makes, are dropped. Needs no root and no network.
set -u
bin=$(realpath "${1:?usage: vsctl-compare.sh BIN_DIR [SERVER [TOOL]]}")
if [ $# = 1 ]; then
    echo "-- our ovs-vsctl, their server"
    bash "$0" "$bin" debian
    status=$?
    echo "-- our ovs-vsctl, our server"
    bash "$0" "$bin" "$bin/apus-ovsdb" || status=1
    echo "-- their ovs-vsctl, our server"
    bash "$0" "$bin" "$bin/apus-ovsdb" debian || status=1
    exit $status
fi
server=$2 tool=${3:-ours}
for tool in ovs-vsctl ovsdb-server ovsdb-tool; do
    command -v "$tool" >/dev/null || { echo "needs Debian's openvswitch packages: $tool"; exit 2; }
done
schema=/usr/share/openvswitch/vswitch.ovsschema
dir=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
    rm -rf "$dir"
}
trap cleanup EXIT

start_debian() {
    mkdir "$dir/$1"
    ovsdb-tool create "$dir/$1/conf.db" "$schema"
    ovsdb-server "$dir/$1/conf.db" --remote="punix:$dir/$1/db.sock" --no-chdir --unixctl="$dir/$1/ctl" \
        >"$dir/$1/log" 2>&1 &
    pids+=($!)
}
start_ours() {
    mkdir "$dir/$1"
    ovsdb-tool create "$dir/$1/conf.db" "$schema"  # With theirs: ours has columns of later versions.
    OVS_RUNDIR="$dir/$1" OVS_DBDIR="$dir/$1" OVS_LOGDIR="$dir/$1" \
        "$server" --remote="punix:$dir/$1/db.sock" "$dir/$1/conf.db" >"$dir/$1/log" 2>&1 &
    pids+=($!)
}
start_debian theirs
if [ "$server" = debian ]; then start_debian ours; else start_ours ours; fi
for side in ours theirs; do
    for _ in $(seq 100); do [ -S "$dir/$side/db.sock" ] && break; sleep 0.1; done
    [ -S "$dir/$side/db.sock" ] || { echo "no database server: $dir/$side/log"; cat "$dir/$side/log"; exit 2; }
done

ours() {
    if [ "$tool" = debian ]; then
        timeout 20 ovs-vsctl --db="unix:$dir/ours/db.sock" --no-syslog --no-wait "$@"
    else
        timeout 20 "$bin/apus" vsctl --db="unix:$dir/ours/db.sock" --no-wait "$@"
    fi
}
theirs() { timeout 20 ovs-vsctl --db="unix:$dir/theirs/db.sock" --no-syslog --no-wait "$@"; }

# check ARGUMENT...: the same command on both sides. They are compared at the end.
count=0
check() {
    local side
    count=$((count + 1))
    printf '%q ' "$@" >"$dir/$count.command"
    for side in ours theirs; do
        "$side" "$@" >"$dir/$count.$side.out" 2>"$dir/$count.$side.err"
        echo $? >"$dir/$count.$side.exit"
    done
}

# An empty database, then bridges.
check list-br
check init
check show
check add-br br0
check add-br br0
check --may-exist add-br br0
check add-br br1
check list-br
check br-exists br0
check br-exists nope
check add-br ''
check add-br br2 br0
check del-br nope
check --if-exists del-br nope
# The lecture's lines.
for port in vnet0 vnet1 vnet2 first_br second_br third_br; do check add-port br0 $port; done
check set Port vnet0 tag=101
check set Port vnet1 tag=102
check set Port vnet2 tag=103
check set Port first_br tag=103
check clear Port second_br tag
check set Port third_br trunks=101,102
check set bridge br0 flood-vlans=101,102,103
check show
check list port third_br
check get bridge br0 flood_vlans
# Ports, bonds, interfaces.
check add-port br0 vnet0
check add-port nope eth9
check add-port br0 br1
check --may-exist add-port br0 vnet0
check --may-exist add-port br1 vnet0
check add-port br1 eth9 tag=5 other_config:a=b -- set interface eth9 type=internal
check add-port br1 eth8 tag=5000
check add-port br1 eth8 vlan_mode=acess
check add-bond br1 bond0 e0 e1 bond_mode=active-backup lacp=passive
check add-bond br1 bond1 e2
check add-bond br1 bond1 e0 e3
check --fake-iface add-bond br1 bond2 e4 e5
check add-bond-iface bond0 e6
check del-bond-iface bond0 e6
check del-bond-iface bond2 e9
check list-ports br1
check list-ifaces br1
check list-ports nope
check port-to-br bond0
check port-to-br e0
check iface-to-br e0
check iface-to-br bond0
check del-port br0 bond0
check del-port br1
check del-port nope
check --if-exists del-port nope
check --with-iface del-port br1 e4
check list-ports br1
# Fake bridges.
check add-br vlan7 br0 7
check add-br vlan8 br0 7
check add-br vlan8 vlan7 8
check add-br vlan8 nope 8
check add-br vlan8 br0 4096
check --may-exist add-br vlan7 br0 7
check --may-exist add-br vlan7 br1 7
check --may-exist add-br vlan7
check --may-exist add-br br0 br1 7
check add-port vlan7 eth7
check list-ports vlan7
check list-ports br0
check list-br
check --real list-br
check --fake list-br
check br-to-vlan vlan7
check br-to-vlan br0
check br-to-parent vlan7
check br-to-parent br0
check del-port br0 eth7
check get port eth7 tag
check br-set-external-id vlan7 a b
check br-get-external-id vlan7
check br-set-external-id br0 k v
check br-set-external-id br0 x 'y z'
check br-get-external-id br0
check br-get-external-id br0 k
check br-set-external-id br0 k
check br-get-external-id br0
check set-controller vlan7 tcp:127.0.0.1
check del-br vlan7
check list-br
# Controllers and managers.
check set-controller br0 tcp:10.0.0.1:6653 unix:/tmp/x
check get-controller br0
check set-controller br0 nonsense
check get-controller br0
check list controller
check --inactivity-probe=5000 set-controller br0 tcp:10.0.0.2:6653
check --columns=target,inactivity_probe list controller
check get controller br0 inactivity_probe
check set-fail-mode br0 secure
check set-fail-mode br0 wrong
check get-fail-mode br0
check show
check del-fail-mode br0
check get-fail-mode br0
check del-controller br0
check get-controller br0
check set-manager ptcp:6640 ssl:1.2.3.4:6640
check get-manager
check show
check del-manager
check get-manager
check --bootstrap set-ssl key cert ca
check get-ssl
check list ssl
check del-ssl
check get-ssl
# Records: reading.
check list bridge
check --columns=name,ports list bridge br0
check --columns=name,_uuid list bridge br0
check --columns=nope list bridge
check --columns= list bridge
check list nope
check list Bri
check list F
check list bridge nope
check --if-exists list bridge nope
check -f table --columns=name,tag,trunks list port third_br vnet0
check -f csv --columns=name,trunks list port third_br vnet0
check -f html --columns=name,trunks list port third_br vnet0
check -f json --columns=name,trunks list port third_br vnet0
check -f json --pretty --columns=name,trunks list port third_br
check -d bare --columns=name,trunks list port third_br
check -d json --columns=name,trunks list port third_br
check --bare --columns=name,trunks list port third_br vnet0
check --no-headings --columns=name,trunks list port third_br vnet0
check -f table --no-headings --columns=name,trunks list port third_br
check -f table --max-column-width=4 --columns=name,trunks list port third_br
check -f wrong list port
check --columns=name list port vnet0 -- --columns=name list port vnet1
check --columns=name find port tag=103
check --columns=name find port 'tag!=103' name=vnet1
check --columns=name find port 'trunks{>=}101'
check --columns=name find port 'trunks{<}[101,102,103]' 'trunks!=[]'
check --columns=name find port 'tag>=102'
check --columns=name find port 'tag<102' 'tag!=[]'
check --columns=name find port 'trunks{in}[101,102]' 'trunks{>}[101]'
check --columns=name find port other_config:a=b
check --columns=name find port 'other_config:a!=c'
check --columns=name find port 'other_config:a{not-in}b' name=eth9
check find port tag
check find port tag:a=5
check find port nope=5
check get port vnet0 tag name trunks
check get port vnet0 nope
check get port vnet0 b
check get port nope tag
check --if-exists get port nope tag
check get port eth9 other_config:a
check get port eth9 other_config:zz
check --if-exists get port eth9 other_config:zz
check get port eth9 tag:zz
check get port eth9 other_config
check get port eth9 'tag garbage'
check get bridge br0 _uuid
check get open_vswitch . next_cfg
check --oneline get port vnet0 tag name
check --oneline list-br
# Records: changing.
check set port vnet0 tag=abc
check set port vnet0 tag=4096
check set port vnet0 tag=
check set port vnet0 tag
check set port vnet0 tag=1,2
check set port vnet0 nope=1
check set prt vnet0 tag=1
check set port nope tag=1
check --if-exists set port nope tag=1
check set port vnet0 trunks=1-5,9
check get port vnet0 trunks
check set port vnet0 trunks=5-1
check set port vnet0 trunks=1,1
check set port vnet0 'trunks=[1,2'
check set port vnet0 'trunks=[1,2]x'
check set port vnet0 trunks=1,,2
check set port vnet0 vlan_mode=wrong
check set port vnet0 vlan-mode=native-tagged
check set bridge br0 name=other
check set bridge br0 stp_enable=maybe
check set bridge br0 stp_enable=yes
check get bridge br0 stp_enable
check set bridge br0 other_config:hwaddr=02:00:00:00:00:01 other-config:a="\"x y\""
check set bridge br0 other_config:a=new
check get bridge br0 other_config
check set bridge br0 other_config=x=1,y=2
check set bridge br0 'other_config={x=1, y="a b"}'
check set bridge br0 other_config=x,y
check get bridge br0 other_config
check set bridge br0 tag:x=1
check set bridge br0 stp_enable:x=1
check add bridge br0 other_config z=3 w=9
check get bridge br0 other_config
check clear port vnet0 tag
check add port vnet0 trunks 7 8
check remove port vnet0 trunks 1 2
check remove port vnet0 trunks 4000
check get port vnet0 trunks
check remove bridge br0 other_config x
check remove bridge br0 other_config z=4 y
check get bridge br0 other_config
check remove bridge br0 name br0
check clear bridge br0 name
check clear bridge br0 other_config flood_vlans
check clear port br0 interfaces
check get bridge br0 other_config flood_vlans
# Rows and names for them.
check -- set bridge br0 mirrors=@m -- --id=@m create mirror name=m0 select-all=true
check list mirror
check get mirror m0 select_all
check -- --id=@p get port vnet1 -- set mirror m0 output-port=@p
check clear bridge br0 mirrors
check list mirror
check set bridge br0 mirrors=@nope
check -- --id=@m create mirror name=m1
check -- --id=m create mirror name=m1
check create mirror name=m1
check -- --id=@q create queue other_config:max-rate=1000 -- --id=@s create qos type=linux-htb queues=0=@q
check list queue
check -- --id=@q create queue dscp=1 -- --id=@q create queue dscp=2
check --all destroy qos -- --all destroy queue
check list qos
check destroy qos nope
check --if-exists destroy qos nope
check destroy qos
check --all destroy qos x
check -- --id=@n create netflow 'targets="10.0.0.1:5566"' -- set bridge br0 netflow=@n
check get netflow br0 targets
check wait-until bridge br0 name=br0
check -t 1 list-br
check comment hello world
check --dry-run add-br br9
check list-br
# Datapaths, conntrack zones, Auto Attach.
check list-zone-tp system
check list-dp-cap system
check add-zone-tp system zone=1 icmp_first=1
check -- --id=@d create datapath capabilities:recirc=true -- set open_vswitch . datapaths:system=@d
check list-dp-cap system
check list-dp-cap nope
check list-zone-tp system
check add-zone-tp system zone=1 icmp_first=1 icmp_reply=2
check add-zone-tp system zone=1 icmp_first=1
check add-zone-tp system zone=2 icmp_first=1 icmp_reply=2
check --may-exist add-zone-tp system zone=1 udp_first=9
check add-zone-tp nope zone=3 icmp_first=1
check add-zone-tp system zone=3
check list-zone-tp system
check list ct_timeout_policy
check del-zone-tp system zone=9
check --if-exists del-zone-tp system zone=9
check del-zone-tp system zone=2
check del-zone-tp nope zone=1
check list-zone-tp system
check list ct_zone
check get-aa-mapping br0
check add-aa-mapping br0 100 200
check add-aa-mapping br0 5 7
check add-aa-mapping br0 100 300
check get-aa-mapping br0
check list autoattach
check add-aa-mapping nope 1 2
check add-aa-mapping br0 x y
check del-aa-mapping br0 100 9
check del-aa-mapping br0 5 7
check del-aa-mapping br0 55 66
check get-aa-mapping br0
check clear bridge br0 auto_attach
check clear open_vswitch . datapaths
check list datapath
# Several commands are one change.
check add-br br5 -- add-port br5 p5 -- set port p5 tag=5 -- list-ports br5
check add-br br6 -- add-br br0
check list-br
check del-br br5 -- add-br br5 -- list-ports br5
check add-port br5 p6 -- del-port br5 p6 -- list-ports br5
# Bad command lines.
check
check --
check frobnicate
check add-br
check add-br a b c d
check list-br x
check list-br --real
check --if-exists add-br brx
check --frobnicate list-br
check -x list-br
check --timeout=0 list-br
check --timeout=x list-br
check -t
check --columns list bridge
check --may-exist=1 add-br br0
check -- --may-exist=1 add-br br0
check -- --columns list bridge
check -- --if-exists --if-exists del-br br0
check -- --if-exists
check --id=@x
check show
check emer-reset
check show
check --if-exists del-br br0 -- --if-exists del-br br1 -- --if-exists del-br br5
check show
check list port

python3 - "$dir" "$count" <<'END'
import difflib, re, sys

directory, count = sys.argv[1], int(sys.argv[2])
uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

def hide(text):
    return re.sub(uuid, "U", text)

def tree(lines, depth):
    """The tree of `show` with children sorted below their parent."""
    nodes = []
    for line in lines:
        indent = len(line) - len(line.lstrip(" "))
        if indent <= depth or not nodes:
            nodes.append([line])
        else:
            nodes[-1].append(line)
    nodes = [n[:1] + tree(n[1:], depth + 4) for n in nodes]
    return [line for n in sorted(nodes, key=lambda n: hide("\n".join(n))) for line in n]

def sort_value(match):
    inside = sorted(match[0][1:-1].split(", "), key=hide)
    return match[0][0] + ", ".join(inside) + match[0][-1]

def normalise(text):
    text = re.sub(r"(?m)^[0-9T:.Z-]+\|[0-9]+\|[a-z_]+\|(WARN|ERR)\|", "ovs-vsctl: ", text)
    text = re.sub(r" \(did you mean [^)]*\?\)", "", text)
    text = re.sub(re.escape(directory) + "/(ours|theirs)", "DIR", text)
    if re.match(uuid + "\n    ", text):
        text = "\n".join(tree(text.splitlines(), 0)) + "\n"
    elif "\n\n" in text:
        text = "\n\n".join(sorted(text.rstrip("\n").split("\n\n"), key=hide)) + "\n"
    text = re.sub(r"[\[{][^\[\]{}\n]*[\]}]", sort_value, text)
    names = {}
    return re.sub(uuid, lambda m: names.setdefault(m[0], "U%d" % (len(names) + 1)), text)

def read(number, side):
    part = lambda kind: open(f"{directory}/{number}.{side}.{kind}").read()
    return (f"exit {part('exit')}-- output\n{normalise(part('out'))}"
            f"-- messages\n{normalise(part('err'))}").splitlines()

failed = 0
for number in range(1, count + 1):
    theirs, ours = read(number, "theirs"), read(number, "ours")
    if theirs == ours:
        continue
    failed += 1
    print("FAILED: ovs-vsctl", open(f"{directory}/{number}.command").read())
    for line in difflib.unified_diff(theirs, ours, "theirs", "ours", lineterm=""):
        print("   ", line)
print(f"{count - failed} passed, {failed} failed")
sys.exit(1 if failed or count == 0 else 0)
END
