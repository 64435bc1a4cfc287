#!/bin/bash
# The lecture's matches and actions on real packets, asked for with Debian's unmodified ovs-ofctl,
# ovs-vsctl and ovs-appctl: rewriting, several tables, learn, patch ports, packet-in, timeouts, a
# controller, and errors that name themselves.
source "$(dirname "$0")/common.bash"
begin openflow
PATH=/usr/bin:/usr/sbin:/bin:/sbin
switch_up
for n in 1 2 3; do host $n; done
vsctl() { in_switch /usr/bin/ovs-vsctl --timeout=10 "$@"; }
ofctl() { in_switch /usr/bin/ovs-ofctl "$@"; }
appctl() { in_switch /usr/bin/ovs-appctl "$@"; }
reaches() { in_host "$1" ping -q -c 2 -i 0.2 -W 1 "10.9.0.$2"; }

check "add-br, three ports" vsctl add-br br0 -- add-port br0 p1 -- add-port br0 p2 -- add-port br0 p3
like "ofport is told" '^1 2 3$' "$(for p in p1 p2 p3; do vsctl get Interface $p ofport; done | xargs)"
check "NORMAL carries" reaches 1 2
like "fdb/show tells the learned addresses" '^ +1 +0  [0-9a-f:]{17} +[0-9]+' "$(appctl fdb/show br0)"

for version in OpenFlow10 OpenFlow13; do
  ofctl -O $version del-flows br0
  refuse "$version: no rule, no packet" reaches 1 2
  ofctl -O $version add-flow br0 table=0,priority=10,in_port=1,actions=resubmit\(,5\)
  ofctl -O $version add-flow br0 table=0,priority=10,in_port=2,actions=output:1
  ofctl -O $version add-flow br0 table=5,priority=20,arp,actions=output:2
  ofctl -O $version add-flow br0 table=5,priority=20,ip,nw_proto=1,nw_dst=10.9.0.2,actions=output:2
  check "$version: two tables carry" reaches 1 2
  like "$version: and count" 'table=5, n_packets=2,.*icmp,nw_dst=10.9.0.2 actions=output:"?(2|p2)' "$(ofctl -O $version dump-flows br0)"
done

# 10.9.0.99 is nobody: its packets are rewritten to host 2, and the answers back.
mac() { in_host "$1" cat /sys/class/net/eth0/address; }
in_host 1 ip neigh replace 10.9.0.99 lladdr 02:00:00:00:00:99 dev eth0
ofctl del-flows br0
ofctl add-flow br0 "priority=10,ip,nw_dst=10.9.0.99,actions=mod_dl_dst:$(mac 2),mod_nw_dst:10.9.0.2,output:2"
ofctl add-flow br0 "priority=10,ip,in_port=2,nw_src=10.9.0.2,actions=mod_dl_src:02:00:00:00:00:99,mod_nw_src:10.9.0.99,output:1"
ofctl add-flow br0 "priority=1,arp,actions=NORMAL"
check "rewritten addresses, right checksums" reaches 1 99
in_host 2 iperf3 -s -1 -D > /dev/null; within 5 in_host 2 sh -c 'ss -ltn | grep -q 5201'
check "TCP through the rewriting, super-frames included" in_host 1 timeout 20 iperf3 -c 10.9.0.99 -t 1

ofctl del-flows br0
ofctl add-flow br0 "priority=1,actions=learn(table=7,idle_timeout=60,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[]),resubmit(,7)"
ofctl add-flow br0 "table=7,priority=0,actions=FLOOD"
check "a learning switch made of learn" reaches 1 2
like "has learned rules" "table=7,.*idle_timeout=60,.*dl_dst=$(mac 1) actions=output" "$(ofctl dump-flows br0)"

ofctl del-flows br0
ofctl add-flow br0 "idle_timeout=1,priority=5,actions=NORMAL"
check "a rule with an idle timeout carries" reaches 1 2
check "and goes when idle" within 8 sh -c "! ip netns exec $switch /usr/bin/ovs-ofctl dump-flows br0 | grep -q priority=5"

ofctl add-flow br0 "priority=1,actions=controller:128"
ofctl --timeout=6 monitor br0 65534 > "$work/monitor" 2>&1 & monitor=$!
sleep 1; reaches 1 2 > /dev/null 2>&1
within 5 grep -q NXT_PACKET_IN "$work/monitor"
like "monitor prints packet-ins" 'NXT_PACKET_IN.*in_port=1.*via action' "$(cat "$work/monitor")"
wait $monitor 2> /dev/null
check "packet-out" ofctl packet-out br0 'in_port=none,packet=ffffffffffff0200000000010800450000140000000040000000000000000000000000000000,actions=output:2'

ofctl add-flow br0 actions=NORMAL
check "a second bridge, joined by patch ports" vsctl add-br br1 -- del-port br0 p3 -- add-port br1 p3 \
  -- add-port br0 to1 -- set Interface to1 type=patch options:peer=to0 \
  -- add-port br1 to0 -- set Interface to0 type=patch options:peer=to1
check "carries from bridge to bridge" reaches 1 3

like "a bad flow gets its error's name" 'OFPBAC_|OFPBMC_|OFPBIC_' "$(ofctl add-flow br0 'in_port=1,actions=group:7' 2>&1 -O OpenFlow13)"
like "trace says why" 'output to p2|flooding|dropped' "$(appctl ofproto/trace br0 "in_port=1,dl_src=$(mac 1),dl_dst=$(mac 2)")"
like "a port that is not there is told" 'nosuch' "$(vsctl add-port br0 nosuch 2>&1)"
check "and taken away again" vsctl del-port br0 nosuch

if command -v ovs-testcontroller > /dev/null; then
  in_switch ovs-testcontroller --pidfile="$work/controller.pid" --detach --unixctl="$work/c.ctl" ptcp:6653:127.0.0.1 2> /dev/null
  ofctl del-flows br0
  check "a controller is set" vsctl set-controller br0 tcp:127.0.0.1:6653 -- set-fail-mode br0 secure
  check "and connected" within 8 sh -c "ip netns exec $switch ovs-vsctl --columns=is_connected list Controller | grep -q true"
  check "it makes the switch learn" within 8 in_host 1 ping -q -c 1 -W 1 10.9.0.2
  like "by flows of its own" 'n_packets=.*idle_timeout=60' "$(ofctl dump-flows br0)"
  kill "$(cat "$work/controller.pid")"
else
  echo "skip  a controller (openvswitch-testcontroller is not installed)"
fi
# A meter that marks: of packets with AF11 one a second stays so, the others become AF12 (RFC 2597), and the
# tables behind the meter see that. Answers arrive, so the header's checksum is right.
thirteen() { local what=$1; shift; ofctl -O OpenFlow13 "$what" br0 "$@"; }
ofctl del-flows br0
check "a meter that marks" thirteen add-meter 'meter=7,pktps,burst,band=type=dscp_remark,rate=1,burst_size=1,prec_level=1'
like "is told as it was given" 'type=dscp_remark rate=1 burst_size=1 prec_level=1' "$(thirteen dump-meters)"
thirteen add-flow 'priority=1,actions=NORMAL'
thirteen add-flow 'priority=9,icmp,in_port=1,actions=meter:7,goto_table:6'
thirteen add-flow 'table=6,priority=9,icmp,nw_tos=48,actions=NORMAL'
thirteen add-flow 'table=6,priority=8,icmp,nw_tos=40,actions=NORMAL'
check "lets all pass" in_host 1 ping -q -c 20 -i 0.01 -w 20 -Q 0x28 10.9.0.2
marked() { thirteen dump-flows table=6 | grep -qE 'n_packets=[1-9][0-9]*,.*nw_tos=48' && thirteen dump-flows table=6 | grep -qE 'n_packets=[1-9][0-9]*,.*nw_tos=40'; }
check "some as they were, some marked" within 5 marked
like "and counts those" '^0: packet_count:[1-9]' "$(thirteen meter-stats meter=7)"
finish
