#!/bin/bash
# Real controllers, as they come from the Python package index: os-ken's simple_switch_13 makes a
# learning switch, its ofctl_rest is asked for everything that it offers, and Faucet makes VLANs,
# access lists and routing between VLANs. After each it is tried, pair by pair and in both
# directions, that hosts reach whom they should and nobody else.
#
#   sudo Tests/AsRoot/conformance/controllers.sh .build/bin [simple] [rest] [faucet]    (all)
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
start_controller() { # start_controller NAME COMMAND...: in the switch's namespace
  local log=$work/$1.log; shift
  ip netns exec "$switch" "$@" > "$log" 2>&1 & controller=$!
}
stop_controller() { kill "$controller"; wait "$controller" 2> /dev/null; }
# The last os-ken with these programs asks eventlet for a name that it has no more; nothing here uses it.
oldest_of_osken="import eventlet.wsgi; eventlet.wsgi.ALREADY_HANDLED = None; from os_ken.cmd.manager import main; main()"
osken() { start_controller "$1" "$venvs/osken/bin/python" -c "$oldest_of_osken" --ofp-listen-host 127.0.0.1 \
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
rest() { in_switch curl -sS -f -m 10 -X "$1" "http://127.0.0.1:8080/stats/$2" ${3:+-d "$3"}; }
# doing VERSION ACTIONS: how ofctl_rest is told of a rule's actions
doing() { [ "$1" -lt 14 ] && echo "'actions': [$2]" || echo "'instructions': [{'type': 'APPLY_ACTIONS', 'actions': [$2]}]"; }
known() { rest GET switches | grep -q 1; }
unreached() { ! reaches "$1" "$2"; }
if wants rest; then
  install osken os-ken==1.4.1
  forget_neighbours
  osken ofctl_rest
  for version in 10 13 14 15; do
    r="ofctl_rest, OpenFlow$version:"
    check "$r a bridge" bridge_up "OpenFlow$version"
    check "$r connected" within 20 connected
    same "$r it knows the switch" "[1]" "$(within 5 known; rest GET switches)"
    like "$r description" '"hw_desc"' "$(rest GET desc/1)"
    refuse "$r no rule, no packet" reaches 1 10.9.0.2
    for pair in 1:2 2:1; do
      check "$r a rule is added" rest POST flowentry/add \
        "{'dpid': 1, 'priority': 100, 'cookie': 7, 'match': {'in_port': ${pair%:*}}, $(doing $version "{'type': 'OUTPUT', 'port': ${pair#*:}}")}"
    done
    matrix "$r two hosts reach each other, others nobody" "1-2" flat
    like "$r rules and their counts are told" '"packet_count": [1-9][0-9]*.*"priority": 100|"priority": 100.*"packet_count": [1-9]' "$(rest GET flow/1)"
    like "$r a sum of them" '"flow_count": 2' "$(rest POST aggregateflow/1 '{}')"
    like "$r tables" '"table_id"' "$(rest GET table/1)"
    like "$r ports' counters" '"rx_packets": [1-9]' "$(rest GET port/1)"
    like "$r ports" '"name": "p3"' "$(rest GET portdesc/1)"
    like "$r queues" '"1"' "$(rest GET queue/1)"
    check "$r a rule is changed" rest POST flowentry/modify_strict \
      "{'dpid': 1, 'priority': 100, 'match': {'in_port': 1}, $(doing $version "{'type': 'OUTPUT', 'port': 3}")}"
    check "$r and is in force" within 3 unreached 1 10.9.0.2
    check "$r a rule is deleted" rest POST flowentry/delete_strict "{'dpid': 1, 'priority': 100, 'match': {'in_port': 2}}"
    like "$r one is left" '"flow_count": 1' "$(rest POST aggregateflow/1 '{}')"
    check "$r all are deleted" rest DELETE flowentry/clear/1
    like "$r none is left" '"flow_count": 0' "$(rest POST aggregateflow/1 '{}')"
    [ $version = 10 ] && continue
    like "$r what tables can do" '"max_entries"' "$(rest GET tablefeatures/1)"
    check "$r a group is added" rest POST groupentry/add \
      "{'dpid': 1, 'type': 'ALL', 'group_id': 5, 'buckets': [{'actions': [{'type': 'OUTPUT', 'port': 2}]}, {'actions': [{'type': 'OUTPUT', 'port': 3}]}]}"
    like "$r and told" '"type": "ALL"' "$(rest GET groupdesc/1)"
    like "$r what groups can do" '"max_groups"' "$(rest GET groupfeatures/1)"
    check "$r a meter is added" rest POST meterentry/add \
      "{'dpid': 1, 'flags': 'KBPS', 'meter_id': 9, 'bands': [{'type': 'DROP', 'rate': 1000}]}"
    if [ $version = 15 ]; then like "$r and told" '"meter_id": 9' "$(rest GET meterdesc/1)"
    else like "$r and told" '"meter_id": 9' "$(rest GET meterconfig/1)"; fi
    like "$r what meters can do" '"max_meter"' "$(rest GET meterfeatures/1)"
    check "$r rules send to the group" rest POST flowentry/add \
      "{'dpid': 1, 'priority': 50, 'match': {'in_port': 1}, $(doing $version "{'type': 'GROUP', 'group_id': 5}")}"
    for n in 2 3; do
      rest POST flowentry/add "{'dpid': 1, 'priority': 50, 'match': {'in_port': $n}, $(doing $version "{'type': 'OUTPUT', 'port': 1}")}"
    done
    matrix "$r who is in the group is reached" "1-2 1-3" flat
    like "$r counters of the group" '"packet_count": [1-9]' "$(rest GET group/1)"
    like "$r counters of the meter" '"meter_id": 9' "$(rest GET meter/1)"
    check "$r the role is set" rest POST role "{'dpid': 1, 'role': 'MASTER'}"
    like "$r and told" 'MASTER' "$(rest GET role/1)"
    check "$r a group is deleted" rest POST groupentry/delete "{'dpid': 1, 'group_id': 5}"
    same "$r with its rules" 0 "$(in_switch ovs-ofctl dump-flows br0 | grep -c group)"
    check "$r a meter is deleted" rest POST meterentry/delete "{'dpid': 1, 'meter_id': 9}"
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
