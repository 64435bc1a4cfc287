#!/bin/bash
# One virtual address on three servers, through tools/lab.
source "$(dirname "$0")/common.bash"
begin vip

check "by our ovs-ofctl" "$root/tools/lab" vip --no-build
check "by Debian's ovs-ofctl" "$root/tools/lab" vip --no-build --ofctl /usr/bin/ovs-ofctl
refuse "nothing is left behind" ip netns pids apus-vip-sw
finish
