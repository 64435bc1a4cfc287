# A part of spanning.sh: two cables between b1 and a bridge of Debian's Open vSwitch, with RSTP and
# with STP on both sides; both daemons print and store the same of the same.
mkdir "$work/theirs"
ip netns add "$theirs" && ip -n "$theirs" link set lo up || not_ok "a namespace"
# The host there hears what arrives at o21 and o22 too: it must not answer for the bridge's address.
ip netns exec "$theirs" sysctl -qw net.ipv4.conf.all.arp_ignore=1
for n in 1 2; do
  ip link add "o1$n" netns "$switch" type veth peer name "o2$n" netns "$theirs" && in_switch ip link set "o1$n" up &&
    ip netns exec "$theirs" sysctl -qw "net.ipv6.conf.o2$n.disable_ipv6=1" && ip -n "$theirs" link set "o2$n" up || not_ok "a cable"
done
debian() { ip netns exec "$theirs" env OVS_RUNDIR="$work/theirs" "/usr/bin/$@"; }
ovsdb-tool create "$work/theirs/conf.db" /usr/share/openvswitch/vswitch.ovsschema
ip netns exec "$theirs" env OVS_RUNDIR="$work/theirs" ovsdb-server "$work/theirs/conf.db" --detach --no-chdir \
  --remote="punix:$work/theirs/db.sock" --pidfile="$work/theirs/ovsdb-server.pid" --log-file="$work/theirs/db.log" 2> /dev/null
ip netns exec "$theirs" env OVS_RUNDIR="$work/theirs" ovs-vswitchd "unix:$work/theirs/db.sock" --detach --no-chdir \
  --pidfile="$work/theirs/ovs-vswitchd.pid" --log-file="$work/theirs/vswitchd.log" 2> /dev/null
stop_theirs() { kill "$(cat "$work/theirs/ovs-vswitchd.pid")" "$(cat "$work/theirs/ovsdb-server.pid")" 2> /dev/null; clean_up; }
trap stop_theirs EXIT

debian ovs-vsctl add-br t0 -- set Bridge t0 datapath_type=netdev -- set Interface t0 'mac="02:00:00:00:00:99"' \
  -- add-port t0 o21 -- add-port t0 o22 || not_ok "their bridge"
ip -n "$theirs" address add 10.9.0.9/24 dev t0; ip -n "$theirs" link set t0 up
vsctl add-port b1 o11 -- add-port b1 o12

# tables PROTOCOL: theirs and ours with names and addresses made equal, ports in order
ports() { grep -oE "^  o[12][12] .*" | sed -E 's/ +/ /g; s/ $//' | sort; }
heads() { sed -E '/^  o[12][12] /d; /^  (p1|s1[23]) /d; s/ +$//'; }
mine() { appctl "$1/show" b1; }
his() { debian ovs-appctl "$1/show" t0; }
keys() { tr -d '{}"' | tr ',' '\n' | sed 's/=.*//; s/ //g' | sort | tr '\n' ' '; }
has_settled() { # one port of four is closed, and the table is not that of a moment
  [ "$( (mine "$1"; his "$1") | grep -cE '^  o[12][12] .*[Ff]orwarding')" = 3 ]
}
for protocol in rstp stp; do
  other=stp; [ $protocol = stp ] && other=rstp
  # Ours is the root, so that theirs has the alternate port.
  vsctl set Bridge b1 ${protocol}_enable=true ${other}_enable=false other_config:$protocol-priority=4096 \
    -- remove Bridge b1 other_config stp-hello-time -- remove Bridge b1 other_config rstp-max-age -- remove Bridge b1 other_config rstp-forward-delay
  debian ovs-vsctl set Bridge t0 ${protocol}_enable=true ${other}_enable=false other_config:stp-max-age=6 other_config:stp-forward-delay=4
  took=$(until_ms 60000 has_settled $protocol)
  check "$protocol: one way of two is closed ($took ms)" below 60000 "$took"
  check "$protocol: hosts reach each other" within 40 in_host 1 ping -q -c 1 -W 1 10.9.0.9
  # Their side may answer one request twice (seen with one on the cable), so replies are not counted.
  check "$protocol: each ping is answered" in_host 1 ping -q -c 5 -i 0.2 -W 1 10.9.0.9
  echo "--- ours"; mine $protocol; echo "--- theirs"; his $protocol
  # The same lines, whoever prints them: what differs is in the numbers only.
  shape() { heads | sed -E 's/-- .* --/-- N --/; s/[0-9a-f]{2}(:[0-9a-f]{2}){5}/MAC/; s/[0-9]+$/N/; /This bridge is the root|root-port|root-path-cost/d; s/priority( +)N/priority\1N/'; }
  same "$protocol/show has the same lines" "$(his $protocol | shape)" "$(mine $protocol | shape)"
  column=status; [ $protocol = stp ] || column=rstp_status
  same "Bridge.$column has the same keys" "$(debian ovs-vsctl get Bridge t0 $column | keys)" "$(vsctl get Bridge b1 $column | keys)"
  same "Port.$column has the same keys" "$(debian ovs-vsctl get Port o21 $column | keys)" "$(vsctl get Port o11 $column | keys)"
  column=statistics; [ $protocol = stp ] || column=rstp_statistics
  # Theirs are written every five seconds.
  within 12 eval '[ "$(debian ovs-vsctl get Port o21 $column)" != "{}" ]'
  same "Port.$column has the same keys" "$(debian ovs-vsctl get Port o21 $column | keys)" "$(vsctl get Port o11 $column | keys)"
done
