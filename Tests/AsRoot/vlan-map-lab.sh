#!/bin/bash
# Tenants' VLAN numbers mapped to the building's, through tools/lab.
source "$(dirname "$0")/common.bash"
begin vlan-map

check "by our ovs-ofctl" "$root/tools/lab" vlan-map --no-build
check "by Debian's ovs-ofctl" "$root/tools/lab" vlan-map --no-build --ofctl /usr/bin/ovs-ofctl
refuse "nothing is left behind" ip netns pids apus-vlan-map-sw
finish
