#!/bin/bash
# Veth ports on one bridge (400; COUNT=1000 says another number), by one ovs-vsctl of rows of type veth: attached in under
# 60 s, forwarding, removed, and nothing of them left: no interface, packet socket or descriptor. Where
# less than 6 GiB of memory are free there are 200; COUNT=… says another number.
source "$(dirname "$0")/common.bash"
begin many
limit=60
switch_up
ip netns add "$name-h1"
# The hosts' ends all stand in one namespace; none of them needs IPv6.
in_host 1 sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
in_switch sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
datapath=$(cat "$OVS_RUNDIR/apus-datapath.pid") vswitchd=$(cat "$OVS_RUNDIR/ovs-vswitchd.pid")
check "a bridge" in_switch ovs-vsctl -t 20 add-br br0
used() { local pid; for pid in $datapath $vswitchd; do ls "/proc/$pid/fd"; done | wc -l; }
sockets() { in_switch sed 1d /proc/net/packet | wc -l; }
memory() { awk '/VmRSS/ {print int($2 / 1024)}' "/proc/$datapath/status"; }
free=$(awk '/MemAvailable/ {print int($2 / 1024)}' /proc/meminfo)
count=${COUNT:-$([ "$free" -ge 6144 ] && echo 400 || echo 200)}
echo "$count ports; $free MiB are free"
sleep 1; before=$(used) links_before=$(in_switch ls /sys/class/net | wc -l) sockets_before=$(sockets) memory_before=$(memory)

words=()
for i in $(seq "$count"); do
  words+=(-- add-port br0 "v$i" -- set interface "v$i" type=veth "options:peer=w$i" "options:peer-netns=$name-h1")
done
start=$(date +%s%N)
check "ovs-vsctl adds $count rows" in_switch ovs-vsctl -t 300 "${words[@]:1}"
took=$((($(date +%s%N) - start) / 1000000))
attached=$(in_switch ovs-dpctl show | grep -c ': v[0-9]')
same "$count are attached" "$count" "$attached"
echo "made and attached in $took ms; datapath: $memory_before -> $(memory) MiB, $before -> $(used) descriptors"
[ "$took" -lt $((limit * 1000)) ] && ok "in under $limit s" || not_ok "in under $limit s" "$took ms"

ip netns add "$name-h2"
in_host 1 ip link set w1 netns "$name-h2" name eth0 && in_host 2 ip address add 10.9.0.2/24 dev eth0 &&
  in_host 2 ip link set eth0 up && in_host 1 ip address add 10.9.0.1/24 dev "w$count" ||
  not_ok "two of the peers become hosts"
check "traffic passes between the first and the last" within 20 in_host 2 ping -q -c 3 -i 0.2 -W 2 10.9.0.1

words=()
for i in $(seq "$count"); do words+=(-- del-port br0 "v$i"); done
start=$(date +%s%N)
check "all rows go" in_switch ovs-vsctl -t 300 "${words[@]:1}"
echo "removed in $((($(date +%s%N) - start) / 1000000)) ms"
gone() { [ "$(in_switch ls /sys/class/net | wc -l)" = "$links_before" ] && [ "$(sockets)" = "$sockets_before" ] && [ "$(used)" -le "$before" ]; }
check "no interface, packet socket or descriptor is left" within 30 gone
echo "left: $(($(used) - before)) descriptors, $(($(sockets) - sockets_before)) sockets; datapath: $(memory) MiB"
finish
