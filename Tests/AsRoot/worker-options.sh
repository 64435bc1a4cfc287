#!/bin/bash
# Workers as the database asks for them, while packets flow: how many and on which processors
# (pmd-cpu-mask), which of them receive by a port (pmd-rxq-affinity, n_rxq). What cannot be is refused in
# words, and what was in force stays. Packets add up at every port through all of it.
source "$(dirname "$0")/common.bash"
begin worker-options

# The first two processors that there are, and masks of both, of the second alone (on a machine with one
# processor all of them are the first, and there is one worker throughout).
read -ra cpus <<< "$(python3 -c 'import os; print(*sorted(os.sched_getaffinity(0))[:2])')"
first=${cpus[0]} last=${cpus[-1]} count=${#cpus[@]}
mask() { python3 -c 'import sys; print(hex(sum(1 << int(n) for n in set(sys.argv[1:]))))' "$@"; }

rxq() { in_switch ovs-appctl -t apus-datapath dpif-netdev/pmd-rxq-show; }
sections() { rxq | grep -c '^pmd thread'; }
cores() { rxq | sed -n 's/^pmd thread.*core_id \([0-9]*\):/\1/p' | sort -n | xargs; }
# Cores whose workers receive by a port, as "CORE CORE".
cores_of() { rxq | awk -v port="$1" '/^pmd thread/ { core = $NF; sub(":", "", core) } $2 == port { print core }' | sort -n | xargs; }
# How many threads may run on this processor only.
confined() { grep -hx "Cpus_allowed_list:.$1" "/proc/$(cat "$OVS_RUNDIR/apus-datapath.pid")"/task/*/status | wc -l; }
vsctl() { in_switch ovs-vsctl -t 20 "$@"; }
workers() { vsctl set Open_vSwitch . "other_config:pmd-cpu-mask=$1"; }
log() { cat "$OVS_LOGDIR/ovs-vswitchd.log"; }
logged() { grep -qE -- "$1" "$OVS_LOGDIR/ovs-vswitchd.log"; }
ends() { in_switch ovs-appctl -t apus-datapath apus/packet-ends; }
balanced() {
  ends | awk -v port="$1" '$1 == port { on = 1; rx = $2; next } $1 !~ /^[0-9]+$/ { on = 0 }
    on && $2 !~ /^\(/ { sum += $1 } END { exit !(rx > 0 && rx == sum) }'
}
all_balanced() { balanced p1 && balanced p2 && balanced p3 && balanced p4; }
reached() { in_host "$1" ping -q -c 3 -i 0.05 -W 1 "10.9.0.$2"; }
received() { in_host "$1" cat /sys/class/net/eth0/statistics/rx_packets; }
arrives() { local n; n=$(received "$1"); within 20 more_than "$1" $((n + 200)); }
more_than() { [ "$(received "$1")" -gt "$2" ]; }
all_reach() { within 20 reached 1 2 && within 20 reached 2 3 && within 20 reached 3 4 && within 20 reached 4 1; }
flood() { # flood FROM TO &     becomes the program itself, so that it can be killed
  exec ip netns exec "$name-h$1" "$bin/apus-bench" flood --interface eth0 --to "$(in_host "$2" cat /sys/class/net/eth0/address)" \
    --flows 50 --rate 5000 --seconds 900 > "$work/flood$1"
}

DATAPATH_OPTIONS='--no-express --workers 1'
switch_up
for n in 1 2 3 4; do host $n; done
check "a bridge with four ports" vsctl add-br br0 -- add-port br0 p1 -- add-port br0 p2 -- add-port br0 p3 -- add-port br0 p4
check "hosts reach each other" all_reach
same "without a mask there are as many workers as the command line says" 1 "$(sections)"

check "a mask" workers "$(mask "${cpus[@]}")"
same "a worker for each processor" "$count" "$(sections)"
same "on the processors of the mask" "${cpus[*]}" "$(cores)"
same "and nowhere else" "1 1" "$(confined "$first") $(confined "$last")"
same "each port has one of them" 5 "$(rxq | grep -c 'port:')"
check "hosts reach each other as before" all_reach
check "packets add up" within 20 all_balanced

for bad in zz 0 0x; do
  check "a mask that is none ($bad) is taken by the database" workers $bad
  check "and named in the log with its remedy" within 20 logged "other_config:pmd-cpu-mask=$bad is not used, workers stay as they are"
  same "the old one stays in force" "${cpus[*]}" "$(cores)"
done
check "a processor that is not there" workers "$(mask 1023)"
check "is refused in words" within 20 logged 'pmd-cpu-mask=0x8[0-9a-f]* is not in force, workers stay as they are: processor 1023 is not there'
same "and the old workers stay where they are" "1 1" "$(confined "$first") $(confined "$last")"
check "the right mask again" workers "$(mask "${cpus[@]}")"

check "p1 is received by the last processor" vsctl set Interface p1 other_config:pmd-rxq-affinity="0:$last"
same "it is" "$last" "$(cores_of p1)"
if [ "$count" = 2 ]; then
  same "which has no other port" "$first $first $first" "$(cores_of p2) $(cores_of p3) $(cores_of p4)"
  like "and is isolated" 'isolated : true' "$(rxq)"
fi
check "p3 has two queues" vsctl set Interface p3 options:n_rxq=2 -- remove Interface p1 other_config pmd-rxq-affinity
same "each with a worker" "${cpus[*]}" "$(cores_of p3)"
check "hosts reach each other" all_reach
check "n_rxq that is no number" vsctl set Interface p3 options:n_rxq=many
check "is named in the log" within 20 logged 'interface p3: options:n_rxq=many is not used'
same "its queues stay" "${cpus[*]}" "$(cores_of p3)"
check "an affinity to a processor without a worker" vsctl set Interface p2 other_config:pmd-rxq-affinity=0:1000
check "is named in the log" within 20 logged 'interface p2: other_config:pmd-rxq-affinity names processor 1000, which has no worker'
check "a way to assign that is not known" vsctl set Open_vSwitch . other_config:pmd-rxq-assign=best
check "is named in the log" within 20 logged 'other_config:pmd-rxq-assign=best is not known'
check "neither is asked for any more" vsctl remove Interface p2 other_config pmd-rxq-affinity -- remove Open_vSwitch . other_config pmd-rxq-assign
check "a shaped port" vsctl -- set Port p2 qos=@q -- --id=@q create QoS type=linux-htb other-config:max-rate=1000000000

flood 1 2 & one=$!
flood 3 4 & two=$!
check "both floods arrive" eval 'arrives 2 && arrives 4'
for round in 1 2 3; do
  workers "$(mask "$first")" && same "round $round: one worker" 1 "$(sections)"
  check "round $round: both floods arrive" eval 'arrives 2 && arrives 4'
  workers "$(mask "${cpus[@]}")" && same "round $round: all of them" "$count" "$(sections)"
  check "round $round: both floods arrive with them" eval 'arrives 2 && arrives 4'
  vsctl set Interface p1 options:n_rxq=$((round % 2 + 1)) || not_ok "round $round: queues of p1"
  check "round $round: both floods arrive after that" eval 'arrives 2 && arrives 4'
done
check "a port comes while workers do" vsctl add-port br0 x1 -- set Interface x1 type=internal -- set Open_vSwitch . "other_config:pmd-cpu-mask=$(mask "$last")"
same "one worker has all" 1 "$(sections)"
check "a port goes while workers come" vsctl del-port x1 -- set Open_vSwitch . "other_config:pmd-cpu-mask=$(mask "${cpus[@]}")"
check "both floods arrive" eval 'arrives 2 && arrives 4'
check "packets add up through all of it" within 20 all_balanced
check "a port with new queues goes at once, and comes again" vsctl set Interface p4 options:n_rxq=2 -- set Interface p3 options:n_rxq=1
check "it goes" vsctl del-port p4
check "it comes" vsctl add-port br0 p4
check "its flood arrives" arrives 4

before=$(in_switch ovs-dpctl show | grep -c ': p[1-4]')
kill -KILL "$(cat "$OVS_RUNDIR/ovs-vswitchd.pid")"
check "vswitchd starts again" start_vswitchd
attached() { [ "$(in_switch ovs-dpctl show | grep -c ': p[1-4]')" = "$before" ]; }
check "and finds its ports" within 20 attached
same "and its workers" "${cpus[*]}" "$(cores)"
kill $one $two 2> /dev/null
wait $one $two 2> /dev/null

check "without the mask" vsctl remove Open_vSwitch . other_config pmd-cpu-mask
same "there are as many workers as the command line says" 1 "$(sections)"
same "which are not confined" "0 0" "$(confined "$first") $([ "$count" = 1 ] && echo 0 || confined "$last")"
check "hosts reach each other" all_reach
check "the mask again" workers "$(mask "${cpus[@]}")"
pid=$(cat "$OVS_RUNDIR/apus-datapath.pid")
gone() { ! kill -0 "$pid" 2> /dev/null; }
kill -TERM "$pid"
check "the datapath ends" within 15 gone
check "and starts again" start_datapath
has_workers() { [ "$(cores)" = "${cpus[*]}" ]; }
check "it gets its workers from the database" within 20 has_workers
check "hosts reach each other" all_reach
finish
