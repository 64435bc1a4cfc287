#!/bin/bash
# Debian's unmodified ovs-ofctl, in OpenFlow 1.0 and 1.5, which differ most (or the versions in $2: "10 13 14 15"
# takes five minutes), against our switch and against Debian's own (userspace datapath), side by side:
#
# - each line of Tests/Goldens/OpenFlow/ofctl-corpus.txt is added to both, and must be refused by both with
#   the same error, or be told alike by the dumps;
# - each command of ofctl-commands.txt must succeed or fail on both, and print the same;
# - `monitor` must print the same of the same changes and packets.
#
# Counters, times, transaction numbers and the order of lines do not count. What is known to differ stands,
# with the reason, in ofctl-differences.txt, one `VERSION KIND LINE` a line; it is printed as "differs" and not
# counted as passed, and it fails if it does not differ any more.
source "$(dirname "$0")/common.bash"
begin ofccmp
theirs=$name-ovs
corpus=$root/Tests/Goldens/OpenFlow/ofctl-corpus.txt
known=$root/Tests/Goldens/OpenFlow/ofctl-differences.txt
versions=${2:-10 15}
commands=$root/Tests/Goldens/OpenFlow/ofctl-commands.txt

switch_up
ip netns add "$theirs" && ip -n "$theirs" link set lo up || { not_ok "a namespace"; finish; }
for side in "$switch" "$theirs"; do
  ip netns exec "$side" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
  for n in 1 2 3; do
    ip link add a$n netns "$side" address 02:00:00:00:0a:0$n type veth peer name b$n netns "$side" &&
      ip -n "$side" link set a$n up && ip -n "$side" link set b$n up || { not_ok "links"; finish; }
  done
done
mkdir "$work/theirs"
ovsdb-tool create "$work/theirs/conf.db" /usr/share/openvswitch/vswitch.ovsschema
ip netns exec "$theirs" env OVS_RUNDIR="$work/theirs" ovsdb-server "$work/theirs/conf.db" --detach --no-chdir \
  --remote="punix:$work/theirs/db.sock" --pidfile="$work/theirs/ovsdb-server.pid" --log-file="$work/theirs/db.log" 2> /dev/null
ip netns exec "$theirs" env OVS_RUNDIR="$work/theirs" ovs-vswitchd "unix:$work/theirs/db.sock" --detach --no-chdir \
  --pidfile="$work/theirs/ovs-vswitchd.pid" --log-file="$work/theirs/vswitchd.log" 2> /dev/null
stop_theirs() { kill "$(cat "$work/theirs/ovs-vswitchd.pid")" "$(cat "$work/theirs/ovsdb-server.pid")" 2> /dev/null; clean_up; }
trap stop_theirs EXIT

ours() { OVS_RUNDIR=$OVS_RUNDIR in_switch "/usr/bin/$@"; }
debian() { ip netns exec "$theirs" env OVS_RUNDIR="$work/theirs" "/usr/bin/$@"; }
for side in ours debian; do
  type=; [ $side = ours ] || type="-- set bridge br0 datapath_type=netdev"
  $side ovs-vsctl --timeout=20 add-br br0 $type -- add-port br0 a1 -- set Interface a1 ofport_request=1 \
    -- add-port br0 a2 -- set Interface a2 ofport_request=2 -- add-port br0 a3 -- set Interface a3 ofport_request=3 ||
    { not_ok "$side: a bridge"; finish; }
  $side ovs-vsctl --timeout=20 set port a1 qos=@q -- --id=@q create qos type=linux-htb other-config:max-rate=10000000 \
    queues:1=@a queues:5=@b -- --id=@a create queue other-config:min-rate=1000000 \
    -- --id=@b create queue other-config:max-rate=2000000 > /dev/null || { not_ok "$side: queues"; finish; }
done

# add_all VERSION: runs in one side's namespace; a line `NUMBER STATUS ERRORS` for each line of the corpus
cat > "$work/add" <<'END'
version=$1 corpus=$2 number=0
o() { timeout 10 /usr/bin/ovs-ofctl -O "OpenFlow$version" "$@" 2>&1; }
o del-flows br0 > /dev/null; o del-groups br0 > /dev/null; [ "$version" = 10 ] || o del-meters br0 > /dev/null
while read -r kind line; do
  number=$((number + 1))
  case $kind in
    group) out=$(o add-group br0 "$line") ;;
    meter) if [ "$version" = 10 ]; then out=; else out=$(o add-meter br0 "$line"); fi ;;
    flow) out=$(o add-flow br0 "cookie=$number,priority=$((1000 + number)),$line") ;;
    *) continue ;;
  esac
  status=$?
  echo "$number $status $(grep -oE 'OF[A-Z]+FC_[A-Z_0-9]+|OFPB[A-Z]+_[A-Z_0-9]+|NX[A-Z]+_[A-Z_0-9]+|^ovs-ofctl: .*' <<< "$out" | grep -v '^OFPT\|^NXT' | xargs -d '\n')"
done < <(grep -v '^#' "$corpus")
END
# dump VERSION: what is there now, a line for each entry, without counters and times
cat > "$work/dump" <<'END'
o() { timeout 20 /usr/bin/ovs-ofctl -O "OpenFlow$1" "${@:2}" 2>&1; }
o "$1" dump-flows br0 | sed -nE 's/ (duration|n_packets|n_bytes|idle_age|hard_age)=[^ ]*//g; s/^ *cookie=(0x[0-9a-f]+),?/flow \1/p'
o "$1" dump-groups br0 | sed -nE 's/^ group_id=([0-9]+)/group \1 &/p'
[ "$1" = 10 ] || o "$1" dump-meters br0 | awk '/^meter=/ { if (l) print l; l = "meter " substr($1, 7) " " $0; next } /^type=/ { l = l " / " $0 } END { if (l) print l }'
END

printf '%s\n' in_port=1,actions=2 in_port=2,ip,nw_src=1.2.3.4,actions=1,3 > "$work/flows1"
printf '%s\n' in_port=1,actions=3 in_port=3,arp,actions=1 > "$work/flows2"
printf '%s\n' group_id=3,type=indirect,bucket=output:1 group_id=4,type=all,bucket=output:1 > "$work/groups"
printf '%s\n' 'flow add in_port=3,actions=1' 'flow delete in_port=1' 'group add group_id=9,type=all,bucket=output:1' \
  'flow in_port=2,ip,actions=group:9' > "$work/bundle1"
printf '%s\n' 'flow add in_port=3,actions=1' 'flow add in_port=3,actions=group:77' > "$work/bundle2"
# normal: what is no matter of who is asked; the names of who made it and the fields that need a tunnel's options,
# NSH or a table of connections are Open vSwitch's alone
normal() {
  sed -E "s/\(xid=0x[0-9a-f]+\)//; s/xid=0x[0-9a-f]+//; s/duration[=:][0-9.?]+s?/duration=/; s/(n_packets|n_bytes|lookup|matched|idle_age|hard_age)=[0-9]+/\1=/g
    s/dpid:[0-9a-f]+/dpid:/; s/^20[0-9:TZ.-]+\|[0-9]+\|/log /; s/(pkts|bytes|drop|errs|frame|over|crc|coll|errors)=[0-9?]+/\1=/g
    s/packet_count=[0-9]+ byte_count=[0-9]+/counts/; s/addr:[0-9a-f:]+/addr:/; s#$work/[a-z]+/#/#g; s/^(Manufacturer|Hardware|Software): .*/\1:/
    s/(supported on Set-Field|arbitrary mask|exact match or wildcard): .*/\1:/; /^log .*(poll_loop|unixctl)/d"
}
# ask VERSION: what one side answers to each command, a line `## COMMAND` before each
cat > "$work/ask" <<'END'
version=$1 work=$2
o() { timeout 10 /usr/bin/ovs-ofctl -O "OpenFlow$version" "$@" 2>&1; }
o del-flows br0 > /dev/null; o del-groups br0 > /dev/null; [ "$version" = 10 ] || o del-meters br0 > /dev/null
while read -r line; do
  echo "## $line"; o ${line//@/$work/}; echo "status $?"
done
o del-flows br0; o add-flow br0 "table=1,actions=controller"
hear() { timeout 3 /usr/bin/ovs-ofctl -O "OpenFlow$version" monitor br0 "$@" > "$work/heard.$1.$$" 2>&1 & }
hear 65534 resume; first=$!
hear watch:; second=$!
sleep 1
arp=ffffffffffff0200000000010806000108000604000102000000000101020304000000000000
{
  o add-flow br0 cookie=1,in_port=1,actions=2
  o add-flow br0 cookie=2,table=3,ip,idle_timeout=60,actions=3
  o mod-flows br0 in_port=1,actions=3
  o del-flows br0 table=3
  o packet-out br0 "in_port=1,packet=$arp,actions=controller(userdata=01.02,max_len=20)"
  o packet-out br0 "in_port=2,packet=$arp,actions=load:5->NXM_NX_REG0[],resubmit(,1)"
  o packet-out br0 "in_port=2,packet=$arp,actions=controller(pause),resubmit(,1)"
  o packet-out br0 "in_port=2,packet=$arp,actions=decap(),controller"
  o packet-out br0 "in_port=2,packet=$arp,actions=decap(),encap(ethernet),controller"
} > "$work/changes.$$"
wait $first $second
# What stands in a continuation is its maker's matter.
for what in 65534 watch:; do
  echo "## monitor $what"; grep -v 'fatal_signal\|^ continuation\.' "$work/heard.$what.$$"
done
rm "$work/heard".*."$$" "$work/changes.$$"
END
# answer FILE COMMAND: that part of what a side answered
answer() { normal < "$1" | awk -v l="## $2" '/^## / { on = ($0 == l); if (on) n++ } on { print n " " $0 }' | sort; }

compare_commands() { # compare_commands VERSION
  local version=$1 line told_ours told_debian
  (grep -v '^#' "$commands" | ip netns exec "$theirs" env OVS_RUNDIR="$work/theirs" bash "$work/ask" $version "$work" > "$work/asked.debian") &
  grep -v '^#' "$commands" | in_switch bash "$work/ask" $version "$work" > "$work/asked.ours"
  wait $!
  while read -r line; do
    told_ours=$(answer "$work/asked.ours" "$line") told_debian=$(answer "$work/asked.debian" "$line")
    judge "$version command $line"
  done < <(sed -n 's/^## //p' "$work/asked.debian" | sort -u)
}

# judge WHAT: compares $told_ours and $told_debian
judge() {
  if [ "$told_ours" = "$told_debian" ]; then
    if grep -qxF -- "$1" "$known"; then not_ok "$1: does not differ any more; take it out of ofctl-differences.txt"
    else passed=$((passed + 1)); fi
  elif grep -qxF -- "$1" "$known"; then
    later=$((${later:-0} + 1)); echo "differs: $1"
  else
    not_ok "$1" "$(diff <(echo "$told_debian") <(echo "$told_ours") | sed 's/^</Debian:/; s/^>/ours:  /' | grep -v '^[0-9]')"
  fi
}

for version in $versions; do
  (ip netns exec "$theirs" env OVS_RUNDIR="$work/theirs" bash "$work/add" $version "$corpus" > "$work/added.debian"
   ip netns exec "$theirs" env OVS_RUNDIR="$work/theirs" bash "$work/dump" $version > "$work/dumped.debian") &
  in_switch bash "$work/add" $version "$corpus" > "$work/added.ours"
  in_switch bash "$work/dump" $version > "$work/dumped.ours"
  wait $!
  number=0
  while read -r kind line; do
    number=$((number + 1))
    case $kind in
      flow) key="flow 0x$(printf %x $number) " ;;
      group) key="group $(grep -oE 'group_id=[0-9]+' <<< "$line" | cut -d= -f2) " ;;
      meter) key="meter $(grep -oE 'meter=[a-z0-9]+' <<< "$line" | cut -d= -f2) " ;;
    esac
    for side in ours debian; do
      answer=$(grep "^$number " "$work/added.$side" | cut -d' ' -f2-)
      printf -v "told_$side" '%s' "$answer | $(grep -F -- "$key" "$work/dumped.$side" | grep "^$key")"
    done
    judge "$version $kind $line"
  done < <(grep -v '^#' "$corpus")
  compare_commands $version
done
echo "${later:-0} differ, as ofctl-differences.txt says"
finish
