#!/bin/bash
# LACP with Linux: a host with an 802.3ad bond of the kernel on two links, and our bond at the other end.
# Negotiated at both ends, balance-tcp spreads flows over both links, a pulled link interrupts nothing,
# and when the peer stops to speak, traffic stops within three times the timeout (fast: 3 s).
#
#   h1: bond0 (802.3ad, layer3+4) ══ e0, e1 ════ p0, p1 ══ br0: bond p0 p1 (lacp=active, balance-tcp) ── p2 ── h2
#
# All of it on apus-datapath, then the negotiation and the flows once more on openvswitch.ko.
source "$(dirname "$0")/../common.bash"
begin lacp
modprobe -a veth bonding openvswitch tun ipv6 || { not_ok "the kernel has what is tested"; finish; }
switch_up
host 2
ip netns add "$name-h1" && in_host 1 ip link set lo up
in_host 1 sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
check "the host's bond, by apus link" "$bin/apus" link -n "$name-h1" apply /dev/stdin <<YAML
links:
  - {name: e0, type: veth, peer: p0, peer-netns: $switch}
  - {name: e1, type: veth, peer: p1, peer-netns: $switch}
  - {name: bond0, type: bond, mode: 802.3ad, miimon: 50, lacp-rate: fast, xmit-hash-policy: layer3+4,
     members: [e0, e1], up: true, addresses: [10.9.0.1/24]}
YAML
for p in p0 p1; do in_switch ip link set $p up; done
said() { in_switch ovs-appctl "$@"; }
aggregated() { # both ends say that both links are in one aggregate
  [ "$(said bond/show bond0 | grep -c '^member .*: enabled')" = 2 ] &&
    [ "$(said lacp/show bond0 | grep -c 'current attached')" = 2 ] &&
    in_host 1 grep -q 'Number of ports: 2' /proc/net/bonding/bond0 &&
    [ "$(in_host 1 grep -c 'MII Status: up' /proc/net/bonding/bond0)" = 3 ]
}
sent() { in_switch cat "/sys/class/net/$1/statistics/tx_packets"; }
# flows COUNT: that many connections from h2 to h1 for two seconds
flows() {
  in_host 1 iperf3 -s -1 -D > /dev/null; within 10 in_host 1 sh -c 'ss -ltn | grep -q :5201'
  in_host 2 timeout 30 iperf3 -c 10.9.0.1 -P "$1" -b 2M -t 2 > "$work/iperf" 2>&1
}
experiment() { # experiment NAME: negotiation, and many flows over both links
  check "$1: negotiated, as both ends say" within 20 aggregated
  check "$1: they reach each other" within 5 in_host 2 ping -q -c 2 -i 0.2 -W 1 10.9.0.1
  local a b first second
  a=$(sent p0) b=$(sent p1)
  check "$1: sixteen connections" flows 16
  first=$(($(sent p0) - a)) second=$(($(sent p1) - b))
  echo "      frames sent by p0: $first, by p1: $second"
  [ $first -gt 100 ] && [ $second -gt 100 ] && ok "$1: balance-tcp uses both links" ||
    not_ok "$1: balance-tcp uses both links" "$first and $second"
}

check "our bond" in_switch ovs-vsctl -t 20 add-br br0 -- set bridge br0 datapath_type=netdev -- \
  add-bond br0 bond0 p0 p1 lacp=active bond_mode=balance-tcp other_config:lacp-time=fast -- add-port br0 p2
experiment apus-datapath
mac() { in_host 1 awk '/Partner Mac Address/ { print $NF; exit }' /proc/net/bonding/bond0; }
same "no port hears what the switch sends" "" "$(said -t apus-datapath apus/packet-ends | grep destination_on_ingress)"
same "the host's partner is our system" "$(said lacp/show bond0 | awk '/^  *sys_id/ { print $2; exit }')" "$(mac)"

# One link is pulled while a connection runs: every second of it carries something.
in_host 1 iperf3 -s -1 -D > /dev/null; within 10 in_host 1 sh -c 'ss -ltn | grep -q :5201'
in_host 2 timeout 30 iperf3 -J -c 10.9.0.1 -t 6 -b 20M > "$work/pulled" & running=$!
sleep 2; in_host 1 ip link set e0 down
wait $running
rates=$(python3 -c '
import json, sys
print(*[round(i["sum"]["bits_per_second"] / 1e6, 1) for i in json.load(open(sys.argv[1]))["intervals"]])' "$work/pulled")
echo "      Mbit/s in each second, e0 pulled after two: $rates"
same "TCP goes on when a link is pulled" 6 "$(tr ' ' '\n' <<< "$rates" | awk '$1 > 1' | wc -l)"
in_host 1 ip link set e0 up
check "the link comes back" within 20 aggregated

# The peer stops to speak LACP, its links stay up: LACPDUs of the host are thrown away as they leave.
for e in e0 e1; do
  in_host 1 tc qdisc add dev $e clsact &&
    in_host 1 tc filter add dev $e egress protocol 0x8809 matchall action drop || not_ok "LACP can be stopped on $e"
done
start=$(date +%s%N)
silent() { [ "$(said bond/show bond0 | grep -c '^member .*: enabled')" = 0 ]; }
check "the bond ends when the peer is silent" within 10 silent
took=$((($(date +%s%N) - start) / 1000000))
echo "      after $took ms"
# Three times the timeout of 1 s, and the second in which the last one was sent.
[ $took -le 4500 ] && ok "within three times the timeout" || not_ok "within three times the timeout" "$took ms"
refuse "and traffic with it" in_host 2 ping -q -c 3 -i 0.2 -W 1 10.9.0.1
for e in e0 e1; do in_host 1 tc qdisc del dev $e clsact; done
check "it speaks again: negotiated" within 20 aggregated
check "and traffic is back" within 10 in_host 2 ping -q -c 2 -i 0.2 -W 1 10.9.0.1

check "the same bond, on the module" in_switch ovs-vsctl -t 20 set bridge br0 datapath_type=system
experiment openvswitch.ko
finish
