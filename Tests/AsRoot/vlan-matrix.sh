#!/bin/bash
# Every VLAN mode as entrance and as exit, with every kind of frame, in our switch and in Debian's
# Open vSwitch (userspace datapath): flooded three times over, then to learned addresses; with one
# tag that counts (vlan-limit's default) and with two. What comes out must be equal, cell by cell.
source "$(dirname "$0")/common.bash"
begin vlanmatrix
source "$(dirname "$0")/beside.bash"

# label = what stands in the row of Port
labels=() rows=()
port() { labels+=("$1"); shift; rows+=("$*"); }
port "access" tag=10
port "access 20" vlan_mode=access tag=20
port "access if-nonzero" tag=10 other_config:priority-tags=if-nonzero
port "access always" tag=10 other_config:priority-tags=always
port "trunk"
port "trunk 10 20" trunks=10,20
port "trunk 0 20" vlan_mode=trunk trunks=0,20
port "trunk if-nonzero" other_config:priority-tags=if-nonzero
port "trunk always" other_config:priority-tags=always
port "native-tagged" vlan_mode=native-tagged tag=10
port "native-tagged 20" vlan_mode=native-tagged tag=10 trunks=20
port "native-untagged" vlan_mode=native-untagged tag=10
port "native-untagged 20" vlan_mode=native-untagged tag=10 trunks=20
port "native-untagged if-nonzero" vlan_mode=native-untagged tag=10 other_config:priority-tags=if-nonzero
port "native-untagged always" vlan_mode=native-untagged tag=10 other_config:priority-tags=always
port "tunnel" vlan_mode=dot1q-tunnel tag=10
port "tunnel 20 30" vlan_mode=dot1q-tunnel tag=10 cvlans=20,30
port "tunnel 802.1q" vlan_mode=dot1q-tunnel tag=10 other_config:qinq-ethtype=802.1q
port "tunnel always" vlan_mode=dot1q-tunnel tag=10 other_config:priority-tags=always

beside_up "${#labels[@]}"
set_both add-br br0
for n in "${!rows[@]}"; do
  set_both add-port br0 "p$((n + 1))" -- set Interface "p$((n + 1))" ofport_request=$((n + 1))
  # shellcheck disable=SC2086  # a row is several words
  [ -z "${rows[n]}" ] || set_both set Port "p$((n + 1))" ${rows[n]}
done

run() { # run TITLE: the matrix on both sides at once
  local title=$1 cells full different
  ip netns exec "$theirs" python3 "$here/frames.py" matrix "${labels[@]}" > "$work/theirs.$title" 2>&1 &
  in_switch python3 "$here/frames.py" matrix "${labels[@]}" > "$work/ours.$title" 2>&1
  wait $!
  cells=$(wc -l < "$work/theirs.$title")
  full=$(grep -vc ': nothing$' "$work/theirs.$title")
  check "$title: $full of $cells cells let something through" [ "$full" -gt 1000 ]
  different=$(diff "$work/theirs.$title" "$work/ours.$title" | sed -n 's/^</theirs:/p; s/^>/ours:  /p')
  same "$title: equal cell by cell ($(grep -c '^ours' <<< "$different") differ)" "" "$(head -n 60 <<< "$different")"
}

run "one tag counts"
both_do ovs-appctl fdb/flush
set_both set Open_vSwitch . other_config:vlan-limit=2
restart_theirs  # Only at its start it looks at that.
run "two tags count"
finish
