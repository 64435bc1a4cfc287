#!/bin/bash
# Debian's unmodified ovs-ofctl, in OpenFlow 1.0 and 1.3 (or the versions in $2, as 14 15), against our switch and against
# Debian's own (userspace datapath), side by side: each line of Tests/Goldens/OpenFlow/ofctl-corpus.txt
# is added to both, and must be refused by both with the same error, or be told alike by the dumps.
# Counters and times do not count. What is known to differ stands in ofctl-differences.txt beside the
# corpus, one `VERSION KIND LINE` a line; it is printed as "not there yet" and not counted as passed,
# and it fails if it does not differ any more.
source "$(dirname "$0")/common.bash"
begin ofccmp
theirs=$name-ovs
corpus=$root/Tests/Goldens/OpenFlow/ofctl-corpus.txt
known=$root/Tests/Goldens/OpenFlow/ofctl-differences.txt
versions=${2:-10 13}

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
    if [ "$told_ours" = "$told_debian" ]; then
      if grep -qxF -- "$version $kind $line" "$known" 2> /dev/null; then
        not_ok "$version $kind $line: does not differ any more; take it out of ofctl-differences.txt"
      else passed=$((passed + 1)); fi
    elif grep -qxF -- "$version $kind $line" "$known" 2> /dev/null; then
      later=$((${later:-0} + 1)); echo "not there yet: $version $kind $line"
    else
      not_ok "$version $kind $line" "Debian: $told_debian
ours:   $told_ours"
    fi
  done < <(grep -v '^#' "$corpus")
done
echo "${later:-0} not there yet"
finish
