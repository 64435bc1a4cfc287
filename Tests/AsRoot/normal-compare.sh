#!/bin/bash
# NORMAL beside Debian's Open vSwitch (userspace datapath): mirrors, multicast snooping, protected
# ports, reserved addresses, the MAC table, patch ports. The same rows by ovs-vsctl, the same frames
# into both, and what comes out, what ovs-appctl prints and what the rows count must be equal.
source "$(dirname "$0")/common.bash"
begin normalcmp
source "$(dirname "$0")/beside.bash"
ports=7

# frames WHAT: the frames of standard input, through both, which have to decide anew
frames() { both_do ovs-appctl revalidator/purge; cached "$1"; }
# cached WHAT: the same, with what was decided before
cached() {
  local lines different
  lines=$(cat)
  ip netns exec "$theirs" python3 "$here/frames.py" play $ports <<< "$lines" > "$work/theirs.out" 2>&1 &
  in_switch python3 "$here/frames.py" play $ports <<< "$lines" > "$work/ours.out" 2>&1
  wait $!
  different=$(diff "$work/theirs.out" "$work/ours.out" | sed -n 's/^</theirs:/p; s/^>/ours:  /p')
  same "$1: $(grep -c . <<< "$lines") frames" "" "$different"
}
again() { frames "$1" < "$work/last"; }
once_more() { cached "$1, once more" < "$work/last"; }
remember() { tee "$work/last"; }
tables() { sed -E 's/[0-9]+$/N/' | sort; }
plain() { cat; }
counted() { # counted MIRROR PACKETS: both rows say so
  local side
  for side in ours debian; do
    within 15 mirror_counts $side "$1" "$2"
    same "$side: mirror $1 counts $2 packets" "$2" "$($side ovs-vsctl get Mirror "$1" statistics:tx_packets 2>&1)"
  done
  same "mirror $1: bytes" "$(debian ovs-vsctl get Mirror "$1" statistics:tx_bytes)" "$(ours ovs-vsctl get Mirror "$1" statistics:tx_bytes)"
}
mirror_counts() { [ "$($1 ovs-vsctl get Mirror "$2" statistics:tx_packets)" = "$3" ]; }

beside_up $ports
set_both add-br br0
set_both set Open_vSwitch . other_config:stats-update-interval=1000
for n in $(seq $ports); do set_both add-port br0 p$n -- set Interface p$n ofport_request=$n; done
set_both set Port p1 tag=10 -- set Port p2 tag=10 -- set Port p3 tag=20

# Addresses.
remember << 'END' | frames "learning"
1 all
2 to 1
4 all tags=10
1 to 4
3 all
4 to 3 tags=20
4 to 02:00:00:00:01:77 tags=20
5 to 5
5 to 1 tags=10
1 all 1400
END
once_more "learning"
both tables fdb/show br0; both plain fdb/stats-show br0
both plain fdb/add br0 p3 20 02:00:00:00:01:77; both plain fdb/add br0 p7 10 02:00:00:00:01:99
both plain fdb/add br0 p7 0 02:00:00:00:01:01; both plain fdb/add br0 p6 10 02:00:00:00:01:02
frames "static addresses" << 'END'
4 to 02:00:00:00:01:77 tags=20
1 to 02:00:00:00:01:99
4 to 02:00:00:00:01:99
4 to 2 tags=10
2 all
1 to 2
END
both tables fdb/show br0; both plain fdb/del br0 20 02:00:00:00:01:77; both plain fdb/del br0 10 02:00:00:00:01:02
both plain fdb/flush br0; both tables fdb/show br0; both plain fdb/stats-show br0; both plain fdb/stats-clear br0

# What bridges keep to themselves; ports that do not speak to each other; ports without floods.
remember << 'END' | frames "reserved addresses"
5 to 01:80:c2:00:00:00
5 to 01:80:c2:00:00:0e
5 to 01:80:c2:00:00:0f tags=7
5 to 01:80:c2:00:00:10
5 to 01:00:0c:cc:cc:cc
5 to 01:00:0c:cc:cc:c7
5 to 01:00:0c:cc:cc:c8
5 to 01:00:0c:cd:cd:cd
5 to 00:e0:2b:00:00:04
END
set_both set Bridge br0 other_config:forward-bpdu=true
again "reserved addresses, forward-bpdu"
set_both remove Bridge br0 other_config forward-bpdu
set_both set Port p5 protected=true -- set Port p6 protected=true
remember << 'END' | frames "protected ports"
5 all
6 all
5 to 6
4 all
4 to 5
6 to 5
END
for side in ours debian; do $side ovs-ofctl mod-port br0 p7 no-flood; $side ovs-ofctl mod-port br0 p4 no-forward; done
again "no-flood and no-forward"
for side in ours debian; do $side ovs-ofctl add-flow br0 in_port=5,actions=output:6,output:7; done
frames "protected ports, by a rule" << 'END'
5 all
END
for side in ours debian; do $side ovs-ofctl del-flows br0 in_port=5; $side ovs-ofctl mod-port br0 p7 flood; $side ovs-ofctl mod-port br0 p4 forward; done
set_both set Port p5 protected=false -- set Port p6 protected=false
set_both set Bridge br0 flood_vlans=20
frames "a VLAN without learning" << 'END'
3 all
4 to 3 tags=20
4 all tags=10
1 to 4
END
both tables fdb/show br0
set_both clear Bridge br0 flood_vlans

# Mirrors. p7 is the watcher.
both_do ovs-appctl fdb/flush
for side in ours debian; do
  $side ovs-vsctl --id=@p get Port p7 -- --id=@m create Mirror name=m0 select_all=true output_port=@p -- set Bridge br0 mirrors=@m > /dev/null
done
remember << 'END' | frames "SPAN of everything"
1 all
2 to 1
4 all tags=20
4 all
3 to 4
7 all
5 to 01:80:c2:00:00:00
1 all 300
5 to 02:00:00:00:01:55 tags=30
END
counted m0 8
once_more "SPAN of everything"
counted m0 16
set_both set Mirror m0 snaplen=64
frames "snaplen" << 'END'
1 all 300
1 all 10
4 all 500 tags=20
END
set_both set Mirror m0 select_all=false select_vlan=10 -- clear Mirror m0 snaplen
for side in ours debian; do $side ovs-vsctl -- --id=@p get Port p4 -- set Mirror m0 select_src_port=@p select_dst_port=@p; done
frames "SPAN of one port and VLAN" << 'END'
4 all tags=10
4 all tags=20
1 all
3 all
5 all
END
for side in ours debian; do
  $side ovs-vsctl -- clear Mirror m0 output_port -- clear Mirror m0 select_vlan -- set Mirror m0 output_vlan=99 -- set Port p6 trunks=99,7 -- set Bridge br0 flood_vlans=99
done
frames "RSPAN" << 'END'
4 all tags=10
4 all tags=99
4 all
1 all
5 to 01:80:c2:00:00:10
6 all tags=99
END
for side in ours debian; do $side ovs-ofctl add-flow br0 in_port=4,actions=output:5,mod_vlan_vid:7,output:5,NORMAL; done
frames "RSPAN of a frame that is changed" << 'END'
4 all tags=10
4 all
END
for side in ours debian; do $side ovs-ofctl del-flows br0 in_port=4; done
set_both clear Bridge br0 mirrors -- clear Bridge br0 flood_vlans -- clear Port p6 trunks

# Multicast snooping.
both plain mdb/show br0; both plain mdb/show nope; both plain mdb/flush br0; both plain mdb/flush
set_both set Bridge br0 mcast_snooping_enable=true
both plain mdb/show br0
frames "IGMP" << 'END'
1 udp 239.1.1.1
2 report2 239.1.1.1
1 udp 239.1.1.1
1 udp 239.1.1.2
4 query 10.0.0.9 tags=10
1 udp 239.1.1.1
2 report1 239.1.1.2
2 report2 239.1.1.1
4 report2 239.1.1.3 tags=10
1 udp 239.1.1.3
1 udp 224.0.0.5
1 report3 +239.1.1.4,+239.1.1.5
2 udp 239.1.1.4
1 report3 -239.1.1.4
2 udp 239.1.1.5
2 badreport 239.9.9.9
5 query 0.0.0.0
5 report2 239.1.1.1
6 udp 239.1.1.1
2 udp 239.1.1.1
END
both tables mdb/show br0
like "mdb/show as JSON" '"group":"239.1.1.2"' "$(in_switch "$bin/ovs-appctl" -f json mdb/show br0 | tr -d ' ')"
like "its queriers" '"queriers":\[\{"port":4,"vlan":10' "$(in_switch "$bin/ovs-appctl" -f json mdb/show br0 | tr -d ' ')"
like "mdb/stats-show" 'router ports *: 1' "$(ours ovs-appctl mdb/stats-show br0)"
frames "IGMP, leaving" << 'END'
2 leave 239.1.1.1
END
sleep 0.3
frames "IGMP, left" << 'END'
1 udp 239.1.1.1
END
both tables mdb/show br0
frames "MLD" << 'END'
1 udp6 ff05::1:3
2 mld1 ff05::1:3
1 udp6 ff05::1:3
1 udp6 ff02::1
4 mldquery fe80::9 tags=20
3 mld2 +ff05::5,+ff05::6
4 udp6 ff05::5 tags=20
3 done ff05::5
5 mldquery ::
END
both tables mdb/show br0
set_both set Bridge br0 other_config:mcast-snooping-disable-flood-unregistered=true
frames "unregistered groups" << 'END'
1 udp 239.7.7.7
5 udp 239.7.7.7
3 udp6 ff05::77
END
set_both set Port p2 other_config:mcast-snooping-flood=true -- set Port p6 other_config:mcast-snooping-flood-reports=true
frames "ports that want everything" << 'END'
1 udp 239.7.7.7
4 udp 239.1.1.5 tags=10
1 report2 239.7.7.8
2 report2 239.7.7.9
END
both tables mdb/show br0
both plain mdb/flush br0; both plain mdb/show br0
set_both set Bridge br0 mcast_snooping_enable=false

# LLDP: consumed where it is on. Open vSwitch tells of Auto Attach only; who is there is ours to tell.
both plain autoattach/status
set_both set Bridge br0 other_config:forward-bpdu=true -- set Interface p1 lldp:enable=true
frames "LLDP" << 'END'
1 lldp
2 lldp
END
both plain autoattach/status; both plain autoattach/show-isid
like "the neighbour is known" 'neighbour 02:00:00:00:00:09 port e1' "$(ours ovs-appctl lldp/show)"
like "as JSON, too" '"p1":\[\{"chassis":"02:00:00:00:00:09","port":"e1"' "$(in_switch "$bin/ovs-appctl" -f json lldp/show | tr -d ' ')"
like "and we have spoken" 'tx cnt: [1-9]' "$(ours ovs-appctl autoattach/statistics)"
set_both set Interface p1 lldp:enable=false
frames "LLDP, off" << 'END'
1 lldp
END
same "nobody speaks LLDP any more" "" "$(ours ovs-appctl autoattach/status)"
set_both remove Bridge br0 other_config forward-bpdu

# What programs read.
json() { in_switch "$bin/ovs-appctl" -f json "$1" "${@:3}" | python3 -c "import json,sys; a=json.load(sys.stdin); print($2)" 2>&1; }
same "fdb/show as JSON" "[{'port': 7, 'vlan': 10, 'mac': '02:00:00:00:01:99', 'static': True}]" \
  "$(json fdb/show "[e for e in a['br0'] if e['mac'].endswith('99')]" br0)"
same "fdb/stats-show as JSON" "8192 2" "$(json fdb/stats-show "a['br0']['maximum'], a['br0']['static']" br0 | tr -d '(),')"
same "bond/list as JSON" "[]" "$(json bond/list a)"
same "lacp/show as JSON" "{}" "$(json lacp/show a)"
like "an error stays one" 'no such bridge' "$(in_switch "$bin/ovs-appctl" -f json fdb/show nope 2>&1)"

# Two bridges, a patch between them, VLAN modes on its ends.
set_both add-br br1
for n in 5 6; do set_both del-port br0 p$n; set_both add-port br1 p$n -- set Interface p$n ofport_request=$n; done
set_both add-port br0 left -- set Interface left type=patch options:peer=right ofport_request=20 -- set Port left tag=10 vlan_mode=native-untagged
set_both add-port br1 right -- set Interface right type=patch options:peer=left ofport_request=21 -- set Port right tag=30
both_do ovs-appctl fdb/flush
remember << 'END' | frames "patch ports"
1 all
5 all tags=30
6 all
5 to 1 tags=30
1 to 5
3 all
END
once_more "patch ports"
both tables fdb/show br0; both tables fdb/show br1
finish
