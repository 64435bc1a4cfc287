#!/bin/bash
# As much as an hour of normal use, in as many minutes as are given: floods of new flows that expire
# after a second, rules and ports that come and go, TCP beside them. The three daemons must not grow:
# what they hold when a third of the time is over (tables are full then) is about what they hold at the
# end. And at each port all packets that came have had exactly one end.
#
#   Tests/AsRoot/soak.sh PROGRAMS [MINUTES]        a third of a minute if not given
source "$(dirname "$0")/common.bash"
begin soak
minutes=${2:-0.33}
length=$(awk -v m="$minutes" 'BEGIN { printf "%d", m * 60 }')
# A daemon may grow by so much: its own caches, and what malloc keeps in pieces.
slack_percent=10 slack_kilobytes=6144

switch_up
check "a bridge" in_switch ovs-vsctl add-br br0 -- set Bridge br0 fail_mode=standalone
check "flows expire soon" in_switch ovs-vsctl set Open_vSwitch . other_config:max-idle=1000
for n in 1 2 3; do host $n; check "port p$n" in_switch ovs-vsctl add-port br0 p$n; done
check "each source gets a cached flow of its own" in_switch ovs-ofctl add-flow br0 \
  'priority=10,udp,actions=move:NXM_OF_UDP_SRC[]->NXM_NX_REG0[0..15],move:NXM_OF_IP_SRC[]->NXM_NX_REG1[],NORMAL'
check "host 1 reaches host 2" within 10 in_host 1 ping -qc 1 -W 1 10.9.0.2
check "host 1 reaches host 3" within 10 in_host 1 ping -qc 1 -W 1 10.9.0.3
address() { in_host "$1" cat /sys/class/net/eth0/address; }

daemons='ovsdb-server apus-datapath ovs-vswitchd'
resident() { # resident DAEMON: kilobytes
  awk '/^VmRSS/ { print $2 }' "/proc/$(cat "$OVS_RUNDIR/$1.pid")/status"
}
all_resident() { local d; for d in $daemons; do printf '%s ' "$(resident "$d")"; done; }
rules=0 rounds=0 flows=0 port_changes=0 faults=0
round() { # one round, some two seconds: new flows, old flows, other rules, another port
  local n
  in_host 1 "$bin/apus-bench" flood --interface eth0 --to "$(address 2)" --flows 0 --first $((rounds * 100000)) \
    --rate 5000 --seconds 1.5 > "$work/new" & local new=$!
  in_host 3 "$bin/apus-bench" flood --interface eth0 --to "$(address 2)" --flows 500 --rate 20000 --seconds 1.5 > "$work/old" & local old=$!
  in_host 2 ping -q -c 20 -i 0.05 -W 1 10.9.0.1 > "$work/ping" & local ping=$! port
  {
    for n in $(seq 100); do
      echo "table=1,priority=$n,udp,nw_src=10.128.$((rounds % 250)).$n,tp_src=$((rounds * 7 % 60000 + n)),actions=drop"
    done
  } > "$work/rules"
  in_switch ovs-ofctl add-flows br0 "$work/rules" || faults=$((faults + 1))
  port=s$((rounds % 7))
  in_switch ip link add $port type veth peer name ${port}b && in_switch ip link set $port up &&
    in_switch ip link set ${port}b up &&
    in_switch ovs-vsctl add-port br0 $port -- set port $port tag=$((rounds % 90 + 1)) || faults=$((faults + 1))
  in_switch ovs-dpctl dump-flows > "$work/flows"
  in_switch ovs-ofctl del-flows br0 table=1 && in_switch ovs-vsctl del-port br0 $port &&
    in_switch ip link del $port || faults=$((faults + 1))
  wait $new $old $ping
  rounds=$((rounds + 1)) rules=$((rules + 100)) port_changes=$((port_changes + 2))
  flows=$((flows + $(cat "$work/new")))
}

echo "      second   $daemons   (RSS in kB)"
SECONDS=0 shown=-1000 middle=
while [ $SECONDS -lt "$length" ] || [ -z "$middle" ]; do
  round
  if [ $((SECONDS - shown)) -ge $((length / 12)) ]; then
    shown=$SECONDS
    printf '      %6d   %s\n' "$SECONDS" "$(all_resident)"
  fi
  [ -n "$middle" ] || [ $((SECONDS * 3)) -lt "$length" ] || middle=$(all_resident)
done
end=$(all_resident)
echo "      $rounds rounds: $flows new flows, $rules rules, $port_changes ports came or went"
same "all of it was taken" 0 $faults
read -ra before <<< "$middle"; read -ra after <<< "$end"
i=0
for daemon in $daemons; do
  most=$((before[i] + before[i] * slack_percent / 100 + slack_kilobytes))
  check "$daemon has not grown: ${before[i]} kB, then ${after[i]} kB" [ "${after[i]}" -le $most ]
  i=$((i + 1))
done
check "the switch still switches" within 5 in_host 1 ping -qc 1 -W 1 10.9.0.2

in_switch ovs-appctl -t apus-datapath apus/packet-ends > "$work/ends"
# A row of a port: its name, packets, "received"; rows below it: packets, and how they ended.
sums=$(awk '$3 == "received" { if (name) print name, got, ends; name = $1; got = $2; ends = 0; next }
  $1 == "(from" { exit } name && NF == 2 && $2 !~ /^\(/ { ends += $1 } END { if (name) print name, got, ends }' "$work/ends")
check "there are ports to count at" [ "$(wc -l <<< "$sums")" -ge 3 ]
check "all that came has ended once" awk '{ if ($2 != $3) { print; bad = 1 } } END { exit bad }' <<< "$sums"
[ $failed = 0 ] || cat "$work/ends"
performance=$(in_switch ovs-appctl dpif-netdev/pmd-perf-show -nh)
like "it says where its time went" '^  - packets: +[0-9]+' "$performance"
like "and what its caches answered" '^  megaflow hits: [1-9]' "$(in_switch ovs-appctl dpif-netdev/pmd-stats-show)"
check "its times begin anew" in_switch ovs-appctl dpif-netdev/pmd-stats-clear
sed -n '/Where/,$s/^/    /p' <<< "$performance"
finish
