#!/bin/bash
# apus-vswitchd without root: it shares a group with the run directory, and nothing else.
# apus-datapath without root says what it needs.
source "$(dirname "$0")/common.bash"
begin unpriv
chgrp 65534 "$OVS_RUNDIR" "$OVS_DBDIR" "$OVS_LOGDIR"
# Sockets made in a directory with the set-group-id bit belong to its group.
chmod 2775 "$OVS_RUNDIR" "$OVS_DBDIR" "$OVS_LOGDIR"
nobody() { in_switch setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }

ip netns add "$switch" && in_switch ip link set lo up
like "the datapath refuses without root, and says so" 'needs root' "$(nobody "$bin/apus-datapath" 2>&1)"
check "the database starts as nobody" nobody "$bin/apus-ovsdb" --pidfile --detach --log-file
check "the datapath starts as root" start_datapath
check "vswitchd starts as nobody" nobody "$bin/apus-vswitchd" --pidfile --detach --log-file
same "and is nobody" 65534 "$(stat -c %u "/proc/$(cat "$OVS_RUNDIR/ovs-vswitchd.pid")")"
for n in 1 2; do host $n; done
niceness() { ps -o ni= -p "$(cat "$OVS_RUNDIR/ovs-vswitchd.pid")" | tr -d ' '; }
same "without the niceness that it may not take" 0 "$(niceness)"
check "it configures the datapath" in_switch ovs-vsctl add-br br0 -- add-port br0 p1 -- add-port br0 p2
check "and packets pass" in_host 1 ping -q -c 3 -i 0.2 -W 1 10.9.0.2
finish
