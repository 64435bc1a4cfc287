#!/bin/bash
# Several workers are one switch: with one, two and four of them, all by the rings (--no-express), packets
# pass and add up at every port, rules are in force in all workers when the command returns, ports come
# and go under traffic, vswitchd may die, and a datapath that ends under traffic leaves nothing behind.
# The last of them spreads two of the ports over all workers.
source "$(dirname "$0")/common.bash"
begin workers

ends() { in_switch ovs-appctl -t apus-datapath apus/packet-ends; }
# What a port received, and the sum of how it ended, as "RX SUM".
balance() {
  ends | awk -v port="$1" '$1 == port { on = 1; rx = $2; next } $1 !~ /^[0-9]+$/ { on = 0 }
    on && $2 !~ /^\(/ { sum += $1 } END { print rx + 0, sum + 0 }'
}
balanced() { local b; read -ra b <<< "$(balance "$1")"; [ "${b[0]}" -gt "$2" ] && [ "${b[0]}" = "${b[1]}" ]; }
of_link() { in_host "$1" cat "/sys/class/net/eth0/statistics/$2"; }
address() { in_host "$1" cat /sys/class/net/eth0/address; }
flood() { # flood FROM TO RATE SECONDS &     becomes the program itself, so that it can be killed
  exec ip netns exec "$name-h$1" "$bin/apus-bench" flood --interface eth0 --to "$(address "$2")" --flows 50 \
    --rate "$3" --seconds "$4" > "$work/flood$1"
}
reached() { in_host "$1" ping -q -c 3 -i 0.05 -W 1 "10.9.0.$2"; }
# Frames that host $2 receives in half a second, after those that are on their way.
arrives() {
  local before after
  sleep 0.1; before=$(of_link "$1" rx_packets)
  sleep 0.5; after=$(of_link "$1" rx_packets)
  echo $((after - before))
}
packet_sockets() { in_switch sed 1d /proc/net/packet | wc -l; }
all_attached() { [ "$(in_switch ovs-dpctl show | grep -c ': p[1-4]')" = 4 ]; }
appears() { in_switch ovs-dpctl show | grep -q ": $1 *\$"; }

four_hosts() {
  local n
  for n in 1 2 3 4; do host $n; done
  check "a bridge with four ports" in_switch ovs-vsctl -t 20 add-br br0 -- add-port br0 p1 -- \
    add-port br0 p2 -- add-port br0 p3 -- add-port br0 p4
}

traffic() { # traffic NAME WORKERS RECEIVERS
  local w=$1 text sections n
  text=$(in_switch ovs-appctl -t apus-datapath dpif-netdev/pmd-rxq-show)
  sections=$(grep -c '^pmd thread' <<< "$text")
  same "$w: as many sections" "$2" "$sections"
  same "$w: ports have their workers" "$3" "$(grep -c 'port:' <<< "$text")"
  check "$w: hosts 1 and 2" within 10 reached 1 2
  check "$w: hosts 3 and 4" within 10 reached 3 4
  check "$w: hosts 2 and 3" within 10 reached 2 3
  in_host 2 iperf3 -s -1 -D > /dev/null
  within 5 in_host 2 sh -c 'ss -ltn | grep -q :5201'
  check "$w: TCP" in_host 1 timeout 20 iperf3 -c 10.9.0.2 -t 1

  flood 1 2 20000 1 & local one=$!
  flood 3 4 20000 1 & local two=$!
  wait $one $two
  for n in 1 2 3 4; do check "$w: packets of p$n add up" within 5 balanced p$n 2; done
  check "$w: the floods are among them" within 5 balanced p1 10000
  check "$w: of both" within 5 balanced p3 10000
  same "$w: none was lost for want of anything" "" \
    "$(ends | grep -E 'output_port_gone|send_failed|invalid_offload|no_vswitchd')"
  n=$(in_switch ovs-appctl -t apus-datapath dpif-netdev/pmd-stats-show | grep -c 'packets received: *[1-9]')
  same "$w: each worker had packets" "$(($2 < 4 ? $2 : 4))" "$n"
}

orders() { # orders NAME
  local w=$1 round n
  flood 1 2 5000 60 & local one=$!
  flood 3 4 5000 60 & local two=$!
  check "$w: both floods arrive" within 5 eval '[ "$(arrives 2)" -gt 500 ] && [ "$(arrives 4)" -gt 500 ]'
  check "$w: a rule that drops" in_switch ovs-ofctl add-flow br0 priority=100,udp,actions=drop
  n=$(arrives 2); check "$w: is in force for host 2 ($n came)" test "$n" -lt 20
  n=$(arrives 4); check "$w: and for host 4 ($n came)" test "$n" -lt 20
  check "$w: without it" in_switch ovs-ofctl --strict del-flows br0 priority=100,udp
  check "$w: both arrive again" within 5 eval '[ "$(arrives 2)" -gt 500 ] && [ "$(arrives 4)" -gt 500 ]'

  for round in 1 2 3; do
    in_switch ip link add x$round type veth peer name y$round && in_switch ip link set x$round up &&
      in_switch ip link set y$round up && in_switch ovs-vsctl -t 20 add-port br0 x$round -- add-port br0 y$round ||
      not_ok "$w: ports x$round and y$round"
    appears x$round && appears y$round || not_ok "$w: they are in the datapath"
    in_switch ovs-dpctl dump-flows > "$work/dump" || not_ok "$w: a dump"
    in_switch ovs-vsctl -t 20 del-port x$round -- del-port br0 y$round && in_switch ip link del x$round ||
      not_ok "$w: ports x$round and y$round go"
  done
  ok "$w: ports came and went under traffic"
  same "$w: no flow is told twice" "" "$(sed 's/, packets:.*//' "$work/dump" | sort | uniq -d)"

  kill -KILL "$(cat "$OVS_RUNDIR/ovs-vswitchd.pid")"
  n=$(arrives 2); check "$w: without vswitchd host 2 goes on ($n came)" test "$n" -gt 500
  n=$(arrives 4); check "$w: and host 4 ($n came)" test "$n" -gt 500
  check "$w: vswitchd starts again" start_vswitchd
  check "$w: and decides new flows" within 10 reached 4 1

  local pid
  pid=$(cat "$OVS_RUNDIR/apus-datapath.pid")
  kill -TERM "$pid"
  gone() { ! kill -0 "$1" 2> /dev/null; }
  check "$w: a datapath that is told to end under traffic ends" within 15 gone "$pid"
  check "$w: and leaves no packet socket" within 15 eval '[ "$(packet_sockets)" = 0 ]'
  kill $one $two 2> /dev/null
  wait $one $two 2> /dev/null
}

workers() { # workers NAME COUNT RECEIVERS [OPTION...]
  DATAPATH_OPTIONS="--no-express --workers $2 ${*:4}"
  if [ -d "/proc/$(cat "$OVS_RUNDIR/ovs-vswitchd.pid" 2> /dev/null || echo none)" ]; then
    check "$1: the datapath starts" start_datapath
    check "$1: vswitchd finds it and its ports" within 20 all_attached
  else
    switch_up
    four_hosts
  fi
  traffic "$1" "$2" "$3"
  orders "$1"
}
workers 1 1 5
workers 2 2 5
workers 4 4 5
workers spread 3 9 --spread p1,p3
finish
