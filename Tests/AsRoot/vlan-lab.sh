#!/bin/bash
# The lecture's first experiment through tools/lab: with our ovs-vsctl, with Debian's, and with one
# rule broken, which must be noticed and named.
source "$(dirname "$0")/common.bash"
begin lab

check "the lecture's lines and pings, our ovs-vsctl" "$root/tools/lab" vlan
check "the same with Debian's ovs-vsctl" "$root/tools/lab" vlan --vsctl /usr/bin/ovs-vsctl
broken=$("$root/tools/lab" vlan --also 'set Port third_br trunks=102' 2>&1)
same "a broken rule ends with 1" 1 $?
like "and its row is named" 'Not as the lecture says: \.100 pings \.105' "$broken"
refuse "nothing is left behind" ip netns pids apus-lab-sw
finish
