#!/bin/bash
# What ovs-appctl asks of our database server: several databases, compaction, reconnection; and a file
# of an older schema.
#
#   database-control.sh FOLDER     FOLDER holds the built programs
#
# Uses Debian's clients; works in a temporary directory, takes about three seconds.
set -u
server="${1:?usage: $0 FOLDER}/apus-ovsdb"
work=$(mktemp -d)
export OVS_RUNDIR="$work" OVS_DBDIR="$work" OVS_LOGDIR="$work"
db="unix:$work/db.sock"
passed=0 failed=0
control() { ovs-appctl -t ovsdb-server "$@"; }
trap 'control exit > /dev/null 2>&1; rm -rf "$work"' EXIT

# like WHAT PATTERN COMMAND...: what the command prints, on either stream, matches; '' means nothing
like() {
  local what=$1 pattern=$2 text
  shift 2
  text=$("$@" 2>&1)
  if { [ -z "$pattern" ] && [ -z "$text" ]; } || { [ -n "$pattern" ] && grep -qzE -- "$pattern" <<< "$text"; }; then passed=$((passed + 1)); echo "ok    $what"; else
    failed=$((failed + 1)); echo "FAIL  $what: \"$text\" has no $pattern"; fi
}
gone() { for _ in $(seq 100); do [ -e "$work/ovsdb-server.pid" ] || return 0; sleep 0.05; done; return 1; }

"$server" --detach --pidfile --log-file || exit 1
vsctl() { ovs-vsctl --timeout=5 --no-wait --db="$db" "$@"; }
vsctl init
for number in $(seq 20); do vsctl set Open_vSwitch . "external_ids:k=$number"; done
echo '{"name":"Other","version":"1.0.0","tables":{"T":{"columns":{"a":{"type":"string"}}}}}' > "$work/schema"
ovsdb-tool create "$work/other.db" "$work/schema"

like "add-db" '' control ovsdb-server/add-db "$work/other.db"
like "add-db a second time is refused" 'in use|is served' control ovsdb-server/add-db "$work/other.db"
like "add-db of what is not there" 'No such file' control ovsdb-server/add-db "$work/nothing.db"
like "list-dbs" $'Open_vSwitch\nOther\n' control ovsdb-server/list-dbs
like "the other database is served" uuid ovsdb-client transact "$db" \
  '["Other",{"op":"insert","table":"T","row":{"a":"x"}}]'
like "its storage is well" 'status: ok' control ovsdb-server/get-db-storage-status Other
like "memory/show counts" 'cells:[0-9]+ .*sessions:[0-9]+' control memory/show
before=$(stat -c %s "$work/conf.db")
like "compact" '' control ovsdb-server/compact Open_vSwitch
like "the file is smaller" yes sh -c "[ $(stat -c %s "$work/conf.db") -lt $before ] && echo yes"
like "compact of what is not there" 'not a known database' control ovsdb-server/compact Nothing
like "what it held is there" '"?20"?' vsctl get Open_vSwitch . external_ids:k
like "and can be changed" '' vsctl set Open_vSwitch . external_ids:k=21
like "ovsdb-tool sees both records" 'record 1: .*compacting.*record 2: ' ovsdb-tool show-log "$work/conf.db"
like "reconnect" '' control ovsdb-server/reconnect
like "a client is served again" '"?21"?' vsctl get Open_vSwitch . external_ids:k
like "remove-db" '' control ovsdb-server/remove-db Other
like "remove-db again" 'not found' control ovsdb-server/remove-db Other
like "it is free for others" '"x"' ovsdb-tool query "$work/other.db" \
  '["Other",{"op":"select","table":"T","where":[]}]'
control exit
gone || echo "FAIL  the server does not end"

python3 - "$work/old.schema" << 'END'
import json, sys
schema = json.load(open("/usr/share/openvswitch/vswitch.ovsschema"))
schema["version"] = "8.2.0"
del schema["tables"]["CT_Zone"], schema["tables"]["CT_Timeout_Policy"]
del schema["tables"]["Datapath"]["columns"]["ct_zones"]
json.dump(schema, open(sys.argv[1], "w"))
END
ovsdb-tool create "$work/old.db" "$work/old.schema"
ovsdb-tool transact "$work/old.db" \
  '["Open_vSwitch",{"op":"insert","table":"Open_vSwitch","row":{"next_cfg":3}}]' > /dev/null
"$server" --convert --detach --pidfile --log-file "$work/old.db"
like "an older file is converted" '8\.8\.0' ovsdb-client get-schema-version "$db"
like "with its rows" '^3' vsctl get Open_vSwitch . next_cfg
control exit
gone
like "and is so for ovsdb-tool" '8\.8\.0' ovsdb-tool db-version "$work/old.db"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
