#!/bin/bash
# The lecture's second experiment through tools/lab: with our ovs-vsctl, with Debian's, and with one
# rule broken, which must be noticed and named.
source "$(dirname "$0")/common.bash"
begin bondlab

check "the lecture's lines, pings and fail-overs, our ovs-vsctl" "$root/tools/lab" bond --tries "${TRIES:-4}"
check "the same with Debian's ovs-vsctl" "$root/tools/lab" bond --tries 1 --vsctl /usr/bin/ovs-vsctl
broken=$("$root/tools/lab" bond --tries 1 --also 'set Port bond0 bond_mode=balance-slb' \
  --also 'set Port bond1 bond_mode=balance-slb' 2>&1)
same "a bond of another mode ends with 1" 1 $?
like "and its row is named" 'Not as expected: active-backup: link that carried m[23]' "$broken"
refuse "nothing is left behind" ip netns pids apus-bond-sw
finish
