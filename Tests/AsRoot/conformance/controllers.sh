#!/bin/bash
# Real controllers, as they come from the Python package index: os-ken's simple_switch_13 makes a
# learning switch, its ofctl_rest is asked for everything that it offers, and Faucet makes VLANs,
# access lists and routing between VLANs. After each it is tried, pair by pair and in both
# directions, that hosts reach whom they should and nobody else.
#
#   sudo Tests/AsRoot/conformance/controllers.sh .build/bin [simple] [rest] [faucet]    (all)
#
# Beside the switch that ofctl_rest is asked about stands Debian's Open vSwitch, told the same: what
# os-ken cannot show of either is no fault of the switch, and is said so. That is, in OpenFlow 1.5: what
# meters are set to (meterdesc), because ofctl_rest never asks to hear that answer; and what meters can
# do, because os-ken reads the 24 bytes of the standard (1.5.1 §7.3.5.14), where Open vSwitch sends, and
# its ovs-ofctl demands, the 16 of 1.3. What flows do (flowdesc) ofctl_rest cannot ask at all: it asks
# for their counters, as flow does. Those (1.5's OFPMP_FLOW_STATS) Open vSwitch refuses and we tell.
#
# What 254 tables can do takes os-ken long to read (20 s for our 0.4 MB on a busy machine, a minute for
# the 1.2 MB of Open vSwitch), and it answers no echo meanwhile: hence the long inactivity_probe.
#
# CONTROLLERS_VENVS names a folder to keep what is downloaded; without it, it goes with the script.
# It needs the package index: tools/test does not run it.
source "$(dirname "$0")/../common.bash"
begin controllers
shift; parts=${*:-simple rest faucet}
venvs=${CONTROLLERS_VENVS:-$work}
install() { # install FOLDER PACKAGE...: into a venv of its own, unless it is there
  local venv=$venvs/$1; shift
  [ -e "$venv/complete" ] || {
    python3 -m venv "$venv" && "$venv/bin/pip" install -q --disable-pip-version-check "$@" && touch "$venv/complete"
  } || { not_ok "$* could be installed"; finish; }
}
wants() { [[ " $parts " == *" $1 "* ]]; }
reaches() { in_host "$1" ping -q -c 1 -W 1 "$2"; }
connected() { in_switch ovs-vsctl --columns=is_connected list Controller | grep -q true; }
# matrix WHAT PAIRS ADDRESS-OF: each pair "a-b" of PAIRS must reach, every other must not
matrix() {
  local what=$1 pairs=" $2 " address=$3 a b wrong=""
  for a in 1 2 3 4; do
    for b in 1 2 3 4; do
      [ "$a" = "$b" ] && continue
      if [[ $pairs == *" $a-$b "* || $pairs == *" $b-$a "* ]]; then
        within 6 reaches "$a" "$($address "$b")" || wrong+=" $a-/->$b"
      elif reaches "$a" "$($address "$b")" > /dev/null 2>&1; then wrong+=" $a--->$b"
      fi
    done
  done
  same "$what" "" "$wrong"
}
flat() { echo "10.9.0.$1"; }

switch_up
for n in 1 2 3 4; do host $n; done
start_controller() { # start_controller NAME COMMAND...: in the switch's namespace, with at most 4 GB
  local log=$work/$1.log; shift
  (ulimit -v 4000000; exec ip netns exec "$switch" "$@") > "$log" 2>&1 & controller=$!
}
gone() { ! kill -0 "$1" 2> /dev/null; }
stop_controller() {
  kill "$controller"
  within 10 gone "$controller" || kill -KILL "$controller"
  wait "$controller" 2> /dev/null
}
# The last os-ken with these programs asks eventlet for a name that it has no more; nothing here uses it.
oldest_of_osken="import eventlet.wsgi; eventlet.wsgi.ALREADY_HANDLED = None; from os_ken.cmd.manager import main; main()"
osken() { start_controller "$1" "$venvs/osken/bin/python" -c "$oldest_of_osken" --ofp-listen-host 0.0.0.0 \
  --ofp-tcp-listen-port 6653 --wsapi-host 127.0.0.1 --wsapi-port 8080 "os_ken.app.$1"; }
bridge_up() { # bridge_up PROTOCOL
  # In two transactions: a bridge that is replaced in one keeps its rules.
  in_switch ovs-vsctl --if-exists del-br br0 && in_switch ovs-vsctl add-br br0 \
    -- set Bridge br0 fail_mode=secure "protocols=$1" other-config:datapath-id=0000000000000001 \
    -- add-port br0 p1 -- set Interface p1 ofport_request=1 -- add-port br0 p2 -- set Interface p2 ofport_request=2 \
    -- add-port br0 p3 -- set Interface p3 ofport_request=3 -- add-port br0 p4 -- set Interface p4 ofport_request=4 \
    -- set-controller br0 tcp:127.0.0.1:6653
}
forget_neighbours() { for n in 1 2 3 4; do in_host $n ip neigh flush all; done; }

if wants simple; then
  install osken os-ken==1.4.1
  osken simple_switch_13
  check "simple_switch_13: a bridge" bridge_up OpenFlow13
  check "simple_switch_13: connected" within 20 connected
  matrix "simple_switch_13: everybody reaches everybody" "1-2 1-3 1-4 2-3 2-4 3-4" flat
  flows=$(in_switch ovs-ofctl dump-flows br0)
  like "simple_switch_13: a rule for what it does not know" 'priority=0 actions=CONTROLLER:65535' "$flows"
  same "simple_switch_13: a rule for each pair and direction" 12 "$(grep -c 'in_port=.*dl_src=.*dl_dst=.*actions=output:' <<< "$flows")"
  stop_controller
fi

# rest METHOD PATH [BODY]: the answer's body; fails if it is not 200
rest() { in_switch curl -sS -f -m 120 -X "$1" "http://127.0.0.1:8080/stats/$2" ${3:+-d "$3"}; }
# tell WHAT PATH BODY: of switch 1, and the same of switch 2, where it stands
tell() {
  check "$1" rest POST "$2" "$3"
  [ -z "$beside" ] || rest POST "$2" "${3/\'dpid\': 1/\'dpid\': 2}" > /dev/null
}
# told WHAT PATTERN PATH [BODY]: what is answered of switch 1, at PATH/1, holds PATTERN; or os-ken does
# not show it of Open vSwitch either
told() {
  local answer method=${4:+POST}
  answer=$(rest "${method:-GET}" "$3/1" "$4")
  if ! grep -qE -- "$2" <<< "$answer" && [ -n "$beside" ] &&
    [ "${answer/\"1\": /}" = "$(rest "${method:-GET}" "$3/2" "$4" | sed 's/"2": //')" ]; then
    ok "$1 (os-ken shows of Open vSwitch the same: $answer)"
  else like "$1" "$2" "$answer"; fi
}
# doing VERSION ACTIONS: how ofctl_rest is told of a rule's actions
doing() { [ "$1" -lt 14 ] && echo "'actions': [$2]" || echo "'instructions': [{'type': 'APPLY_ACTIONS', 'actions': [$2]}]"; }
known() { [ "$(rest GET switches | grep -o '[12]' | sort | xargs)" = "1${beside:+ 2}" ]; }
unreached() { ! reaches "$1" "$2"; }

# Debian's Open vSwitch, if it is there: in a namespace of its own, with a wire to the controller.
beside=
theirs=$name-theirs
in_theirs() { ip netns exec "$theirs" env OVS_RUNDIR="$work/theirs" "$@"; }
stop_theirs() {
  local status=$? file
  for file in "$work"/theirs/*.pid; do [ -r "$file" ] && kill "$(cat "$file")" 2> /dev/null; done
  (exit $status); clean_up
}
start_theirs() {
  mkdir "$work/theirs" && ip netns add "$theirs" && ip -n "$theirs" link set lo up &&
    in_switch ip link add control type veth peer name control netns "$theirs" &&
    in_switch sysctl -qw net.ipv6.conf.control.disable_ipv6=1 && in_switch ip link set control up &&
    ip -n "$theirs" link set control up && ip -n "$theirs" address add 10.254.0.2/30 dev control &&
    in_switch ip address add 10.254.0.1/30 dev control &&
    ovsdb-tool create "$work/theirs/conf.db" /usr/share/openvswitch/vswitch.ovsschema &&
    in_theirs ovsdb-server "$work/theirs/conf.db" --detach --no-chdir --remote="punix:$work/theirs/db.sock" \
      --pidfile="$work/theirs/ovsdb-server.pid" --log-file="$work/theirs/db.log" 2> /dev/null &&
    in_theirs ovs-vswitchd "unix:$work/theirs/db.sock" --detach --no-chdir \
      --pidfile="$work/theirs/ovs-vswitchd.pid" --log-file="$work/theirs/vswitchd.log" 2> /dev/null
}
their_bridge_up() { # their_bridge_up PROTOCOL: with as many ports, which nobody uses
  local n
  # shellcheck disable=SC2046
  in_theirs /usr/bin/ovs-vsctl --if-exists del-br br0 && in_theirs /usr/bin/ovs-vsctl add-br br0 \
    -- set Bridge br0 datapath_type=netdev fail_mode=secure "protocols=$1" other-config:datapath-id=0000000000000002 \
    -- set-controller br0 tcp:10.254.0.1:6653 -- set Controller br0 inactivity_probe=120000 \
    $(for n in 1 2 3 4; do echo "-- add-port br0 p$n -- set Interface p$n type=internal ofport_request=$n"; done)
}
if wants rest; then
  if [ -x /usr/sbin/ovs-vswitchd ]; then
    trap stop_theirs EXIT
    if start_theirs; then beside=1; else not_ok "Open vSwitch stands beside"; fi
  fi
  install osken os-ken==1.4.1
  forget_neighbours
  osken ofctl_rest
  for version in 10 13 14 15; do
    r="ofctl_rest, OpenFlow$version:"
    check "$r a bridge" bridge_up "OpenFlow$version"
    check "$r its controller has patience" in_switch ovs-vsctl set Controller br0 inactivity_probe=120000
    [ -z "$beside" ] || check "$r Open vSwitch beside" their_bridge_up "OpenFlow$version"
    check "$r connected" within 20 connected
    check "$r it knows the switch" within 20 known
    told "$r description" '"hw_desc"' desc
    refuse "$r no rule, no packet" reaches 1 10.9.0.2
    for pair in 1:2 2:1; do
      tell "$r a rule is added" flowentry/add \
        "{'dpid': 1, 'priority': 100, 'cookie': 7, 'match': {'in_port': ${pair%:*}}, $(doing $version "{'type': 'OUTPUT', 'port': ${pair#*:}}")}"
    done
    matrix "$r two hosts reach each other, others nobody" "1-2" flat
    told "$r rules and their counts are told" '"packet_count": [1-9][0-9]*.*"priority": 100|"priority": 100.*"packet_count": [1-9]' flow
    told "$r a sum of them" '"flow_count": 2' aggregateflow '{}'
    told "$r tables" '"table_id"' table
    told "$r ports' counters" '"rx_packets": [1-9]' port
    told "$r ports" '"name": "p3"' portdesc
    told "$r queues" '"1"' queue
    tell "$r a rule is changed" flowentry/modify_strict \
      "{'dpid': 1, 'priority': 100, 'match': {'in_port': 1}, $(doing $version "{'type': 'OUTPUT', 'port': 3}")}"
    check "$r and is in force" within 3 unreached 1 10.9.0.2
    tell "$r a rule is deleted" flowentry/delete_strict "{'dpid': 1, 'priority': 100, 'match': {'in_port': 2}}"
    told "$r one is left" '"flow_count": 1' aggregateflow '{}'
    check "$r all are deleted" rest DELETE flowentry/clear/1
    told "$r none is left" '"flow_count": 0' aggregateflow '{}'
    [ $version = 10 ] && continue
    told "$r what tables can do" '"max_entries"' tablefeatures
    # While os-ken read that it heard nobody; Open vSwitch calls again after it.
    check "$r its switches are there" within 60 known
    # In 1.5 buckets have names, and a command that adds a group names no bucket (0xffffffff); what
    # ofctl_rest would say by itself is that it names bucket 0, which Open vSwitch refuses, too. One
    # bucket there: os-ken reads a second one as properties of the first, without end.
    pairs="1-2 1-3" buckets="{'actions': [{'type': 'OUTPUT', 'port': 2}]}, {'actions': [{'type': 'OUTPUT', 'port': 3}]}"
    [ $version -lt 15 ] || pairs=1-2 buckets="{'bucket_id': 1, 'actions': [{'type': 'OUTPUT', 'port': 2}]}"
    tell "$r a group is added" groupentry/add \
      "{'dpid': 1, 'type': 'ALL', 'group_id': 5, 'command_bucket_id': 0xffffffff, 'buckets': [$buckets]}"
    told "$r and told" '"type": "ALL"' groupdesc
    told "$r what groups can do" '"max_groups"' groupfeatures
    tell "$r a meter is added" meterentry/add \
      "{'dpid': 1, 'flags': 'KBPS', 'meter_id': 9, 'bands': [{'type': 'DROP', 'rate': 1000}]}"
    if [ $version = 15 ]; then told "$r and told" '"meter_id": 9' meterdesc
    else told "$r and told" '"meter_id": 9' meterconfig; fi
    told "$r what meters can do" '"max_meter"' meterfeatures
    for rule in "1:{'type': 'GROUP', 'group_id': 5}" "2:{'type': 'OUTPUT', 'port': 1}" "3:{'type': 'OUTPUT', 'port': 1}"; do
      tell "$r a rule for what comes by port ${rule%%:*}" flowentry/add \
        "{'dpid': 1, 'priority': 50, 'match': {'in_port': ${rule%%:*}}, $(doing $version "${rule#*:}")}"
    done
    matrix "$r who is in the group is reached" "$pairs" flat
    told "$r counters of the group" '"packet_count": [1-9]' group
    told "$r counters of the meter" '"meter_id": 9' meter
    tell "$r the role is set" role "{'dpid': 1, 'role': 'MASTER'}"
    told "$r and told" 'MASTER' role
    tell "$r a group is deleted" groupentry/delete "{'dpid': 1, 'group_id': 5}"
    flows=$(in_switch ovs-ofctl -O "OpenFlow$version" dump-flows br0)
    like "$r other rules are there" 'in_port=2|in_port=p2|in_port="p2"' "$flows"
    same "$r its own went with it" 0 "$(grep -c group <<< "$flows")"
    tell "$r a meter is deleted" meterentry/delete "{'dpid': 1, 'meter_id': 9}"
  done
  stop_controller
fi

faucet() { # faucet NAME: with the file NAME.yaml
  mkdir -p "$work/faucet"
  start_controller "$1" env PATH="$venvs/faucet/bin:$PATH" FAUCET_CONFIG="$work/$1.yaml" FAUCET_LOG="$work/faucet/$1.log" \
    FAUCET_EXCEPTION_LOG="$work/faucet/exceptions" FAUCET_PROMETHEUS_ADDR=127.0.0.1 \
    "$venvs/faucet/bin/faucet" --ryu-ofp-listen-host 127.0.0.1
}
routed() { [ "$1" -le 2 ] && echo "10.9.0.$1" || echo "10.9.1.$1"; }
if wants faucet; then
  install faucet faucet==1.10.12
  forget_neighbours
  cat > "$work/vlans.yaml" << END
vlans:
  office: {vid: 100}
  guest: {vid: 200}
dps:
  br0:
    dp_id: 1
    hardware: "Open vSwitch"
    interfaces:
      1: {native_vlan: office}
      2: {native_vlan: office}
      3: {native_vlan: guest}
      4: {native_vlan: guest}
END
  faucet vlans
  check "Faucet, two VLANs: a bridge" bridge_up OpenFlow13
  check "Faucet, two VLANs: connected" within 30 connected
  check "Faucet, two VLANs: it has made its tables" within 20 sh -c "ip netns exec $switch $bin/ovs-ofctl dump-flows br0 | grep -q 'vlan_vid\|dl_vlan\|push_vlan'"
  matrix "Faucet, two VLANs: hosts of a VLAN reach each other, and nobody else" "1-2 3-4" flat
  stop_controller

  cat > "$work/routing.yaml" << END
vlans:
  office: {vid: 100, faucet_mac: "0e:00:00:00:01:00", faucet_vips: ["10.9.0.254/24"]}
  guest: {vid: 200, faucet_mac: "0e:00:00:00:02:00", faucet_vips: ["10.9.1.254/24"]}
routers:
  between: {vlans: [office, guest]}
acls:
  # Host 4 may not speak to host 1, host 3 not by TCP to port 5202.
  of-host-4:
    - rule: {dl_type: 0x800, ipv4_dst: 10.9.0.1/32, actions: {allow: 0}}
    - rule: {actions: {allow: 1}}
  of-host-3:
    - rule: {dl_type: 0x800, nw_proto: 6, tcp_dst: 5202, actions: {allow: 0}}
    - rule: {actions: {allow: 1}}
dps:
  br0:
    dp_id: 1
    hardware: "Open vSwitch"
    interfaces:
      1: {native_vlan: office}
      2: {native_vlan: office}
      3: {native_vlan: guest, acls_in: [of-host-3]}
      4: {native_vlan: guest, acls_in: [of-host-4]}
END
  for n in 3 4; do
    in_host $n ip address flush dev eth0
    in_host $n ip address add "10.9.1.$n/24" dev eth0
    in_host $n ip route add default via 10.9.1.254
  done
  for n in 1 2; do in_host $n ip route add default via 10.9.0.254; done
  forget_neighbours
  faucet routing
  check "Faucet, routing: connected again" within 30 connected
  for n in 1 2; do check "Faucet, routing: host $n reaches its gateway" within 30 reaches $n 10.9.0.254; done
  for n in 3 4; do check "Faucet, routing: host $n reaches its gateway" within 30 reaches $n 10.9.1.254; done
  matrix "Faucet, routing: everybody reaches everybody, but host 4 not host 1" "1-2 3-4 1-3 2-3 2-4" routed
  for port in 5201 5202; do in_host 2 iperf3 -s -p $port -D > /dev/null; done
  within 5 in_host 2 sh -c 'ss -ltn | grep -q 5202'
  check "Faucet, access list: TCP from host 3 to port 5201 passes" in_host 3 timeout 15 iperf3 -c 10.9.0.2 -p 5201 -t 1
  refuse "Faucet, access list: TCP from host 3 to port 5202 does not" in_host 3 timeout 5 iperf3 -c 10.9.0.2 -p 5202 -t 1
  check "Faucet, access list: TCP from host 4 to port 5202 does" in_host 4 timeout 15 iperf3 -c 10.9.0.2 -p 5202 -t 1
  same "Faucet told of no fault of its own" "" "$(cat "$work/faucet/exceptions" 2> /dev/null)"
  [ $failed = 0 ] || { echo "--- the end of Faucet's log"; tail -n 40 "$work"/faucet/*.log; }
  stop_controller
fi
[ $failed = 0 ] || for log in "$work"/*.log; do echo "--- the end of $log"; grep -av 'HTTP/1.1" 200' "$log" | tail -n 30; done
finish
