#!/bin/bash
# Where the database can be reached and whom it calls: managers as rows, TLS both ways, the state of it in
# the rows; the controllers of a bridge by TLS; and what the database's file tells: log, undo, diff.
# Debian's tools stand at the other end, so both ends understand more than each other's mistakes.
#
#   remotes.sh BIN_DIR      needs root, Debian's openvswitch packages and openssl
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"
begin remotes
for tool in openssl ovs-vsctl ovs-ofctl ovsdb-client ovsdb-server ovsdb-tool; do
  [ -x "/usr/bin/$tool" ] || [ -x "/usr/sbin/$tool" ] || { echo "needs $tool"; exit 2; }
done
cd "$work" || exit 2

# --- keys: an authority, a switch and a client that it vouches for, a stranger
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2> /dev/null; }
key ca && openssl req -x509 -new -key ca.key -days 2 -subj /CN=authority -out ca.pem 2> /dev/null
key stranger && openssl req -x509 -new -key stranger.key -days 2 -subj /CN=stranger -out stranger.pem 2> /dev/null
for who in switch client; do
  key $who && openssl req -new -key $who.key -subj /CN=$who 2> /dev/null |
    openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out $who.pem 2> /dev/null
done
check "keys are made" test -s client.pem -a -s switch.pem -a -s stranger.pem
client=(-p "$work/client.key" -c "$work/client.pem" -C "$work/ca.pem")
stranger=(-p "$work/stranger.key" -c "$work/stranger.pem" -C "$work/ca.pem")

# --- the switch in a namespace of its own, so that every port is free
ip netns add "$switch" && in_switch ip link set lo up
in_switch "$bin/apus-ovsdb" --pidfile --detach --log-file --remote="punix:$OVS_RUNDIR/db.sock" \
  --remote=db:Open_vSwitch,Open_vSwitch,manager_options \
  --private-key=db:Open_vSwitch,SSL,private_key --certificate=db:Open_vSwitch,SSL,certificate \
  --ca-cert=db:Open_vSwitch,SSL,ca_cert --peer-ca-cert="$work/ca.pem" || { not_ok "apus-ovsdb starts"; finish; }
vsctl() { in_switch "$bin/apus" vsctl --no-wait "$@"; }
theirs() { in_switch timeout 10 /usr/bin/ovs-vsctl --no-syslog --no-wait "$@"; }
check "the database is made" vsctl init
check "bridge br0" vsctl add-br br0

# --- passive managers
check "managers are set" vsctl set-manager ptcp:6640 pssl:6641
check "TCP is listened at" within 5 theirs --db=tcp:127.0.0.1:6640 list-br
refuse "TLS needs keys" theirs --db=ssl:127.0.0.1:6641 "${client[@]}" -t 2 list-br
check "keys are set" vsctl set-ssl "$work/switch.key" "$work/switch.pem" "$work/ca.pem"
same "Debian's tool by TLS" br0 "$(theirs --db=ssl:127.0.0.1:6641 "${client[@]}" list-br 2>&1)"
same "our tool by TLS" br0 "$(vsctl --db=ssl:127.0.0.1:6641 "${client[@]}" list-br 2>&1)"
refuse "a stranger with Debian's tool" theirs --db=ssl:127.0.0.1:6641 "${stranger[@]}" -t 2 list-br
refuse "a stranger with our tool" vsctl --db=ssl:127.0.0.1:6641 "${stranger[@]}" list-br
check "the log names the stranger" grep -q 'pssl:6641: ssl:127.0.0.1:.* was refused' "$OVS_LOGDIR/ovsdb-server.log"
same "Debian's tool learns the authority" br0 "$(theirs --retry -t 8 --db=ssl:127.0.0.1:6641 \
  -p client.key -c client.pem --bootstrap-ca-cert=learned1.pem list-br 2> /dev/null)"
same "our tool learns the authority" br0 "$(vsctl --db=ssl:127.0.0.1:6641 \
  -p client.key -c client.pem --bootstrap-ca-cert=learned2.pem list-br 2>&1)"
same "both learned the same" "$(openssl x509 -in ca.pem -outform DER | sha256sum)" \
  "$(openssl x509 -in learned2.pem -outform DER | sha256sum)"
like "TLS 1.1 is not spoken" 'alert protocol version|no protocols available|unsupported protocol' \
  "$(in_switch openssl s_client -connect 127.0.0.1:6641 -tls1_1 -cipher DEFAULT@SECLEVEL=0 < /dev/null 2>&1)"

# --- what the rows say of it
ip netns exec "$switch" ovsdb-client monitor tcp:127.0.0.1:6640 Bridge name > /dev/null 2>&1 &
monitor=$!
manager() { vsctl --bare --columns="$2" find manager "target=\"$1\""; }
connected() { [ "$(manager ptcp:6640 is_connected)" = "$1" ]; }
check "is_connected becomes true" within 10 connected true
like "status tells of it" 'bound_port=6640.*sec_since_connect=[0-9]+.*state=ACTIVE' "$(manager ptcp:6640 status)"
kill "$monitor"
check "and false again" within 10 connected false

# --- a silent peer: it neither speaks nor answers the probe
check "the probe is set" vsctl set manager ptcp:6640 inactivity_probe=1000
in_switch bash -c 'exec 3<>/dev/tcp/127.0.0.1/6640; timeout 8 cat <&3' > silent.txt
like "it was asked" '"method":"echo"' "$(cat silent.txt)"
check "and then closed" grep -q 'no answer to an inactivity probe' "$OVS_LOGDIR/ovsdb-server.log"

# --- active managers: the server calls, the tool waits
check "managers to call" vsctl set-manager tcp:127.0.0.1:6642 ssl:127.0.0.1:6643
same "it calls by TCP" br0 "$(theirs -t 15 --db=ptcp:6642:127.0.0.1 list-br 2> /dev/null)"
same "it calls by TLS" br0 "$(theirs -t 15 --db=pssl:6643:127.0.0.1 "${client[@]}" list-br 2> /dev/null)"
backoff() { manager tcp:127.0.0.1:6642 status | grep -q 'last_error=.*state=BACKOFF'; }
check "it says why it waits" within 10 backoff
check "no managers" vsctl del-manager
refuse "nobody listens any more" theirs -t 2 --db=tcp:127.0.0.1:6640 list-br

# --- our tool and Debian's server
ovsdb-tool create debian.db /usr/share/openvswitch/vswitch.ovsschema
ip netns exec "$switch" /usr/sbin/ovsdb-server debian.db --no-chdir --unixctl="$work/debian.ctl" --remote=pssl:6644:127.0.0.1 \
  -p switch.key -c switch.pem -C ca.pem --peer-ca-cert=ca.pem > debian.log 2>&1 &
debian=$!
ours_there() { vsctl --db=ssl:127.0.0.1:6644 "${client[@]}" "$@"; }
check "our tool and Debian's server by TLS" within 5 ours_there --may-exist add-br br7
same "it did it" br7 "$(ours_there list-br)"
same "and learns its authority" br7 "$(vsctl --db=ssl:127.0.0.1:6644 \
  -p client.key -c client.pem --bootstrap-ca-cert=learned3.pem list-br 2>&1)"
refuse "Debian's server refuses a stranger" vsctl --db=ssl:127.0.0.1:6644 "${stranger[@]}" list-br
kill "$debian"

# --- controllers of a bridge
start_datapath && start_vswitchd || { not_ok "the switch starts"; finish; }
check "a controller may call" vsctl set-controller br0 pssl:6653 ssl:127.0.0.1:6654
ofctl() { in_switch timeout 5 /usr/bin/ovs-ofctl "$@"; }
check "Debian's ovs-ofctl by TLS" within 10 ofctl "${client[@]}" dump-flows ssl:127.0.0.1:6653
refuse "a stranger is refused" ofctl "${stranger[@]}" dump-flows ssl:127.0.0.1:6653
ip netns exec "$switch" timeout 15 openssl s_server -accept 6654 -cert client.pem -key client.key -CAfile ca.pem \
  -Verify 1 -verify_return_error -quiet < <(sleep 15) > hello.bin 2> s_server.log &
server=$!
said_hello() { [ "$(head -c 2 hello.bin | od -An -tx1 | tr -d ' ' | cut -c3-4)" = 00 ]; }
check "the switch calls its controller by TLS" within 12 said_hello
kill "$server" 2> /dev/null

# --- what the file tells
log() { "$bin/apus" vsctl log "$@"; }
like "log tells what and who" 'ovs-vsctl \(invoked by .*\)' "$(log 1)"
like "log tells the rows" '~ Bridge br0: controller \+' "$(log)"
vsctl add-port br0 eth7 tag=7 -- set interface eth7 type=internal
like "a port was added" '\+ Port eth7: .*tag=7' "$(log 1)"
like "undo takes it back" '- Port eth7' "$(vsctl undo 2>&1)"
same "the port is gone" "" "$(vsctl list-ports br0)"
like "undo of the undo" '\+ Port eth7: .*tag=7' "$(vsctl undo 2>&1)"
same "the port is there again" 7 "$(vsctl get port eth7 tag)"
vsctl set port eth7 tag=8 && vsctl set port eth7 tag=9
number=$(log | grep -B1 'tag=8$' | head -1 | cut -d' ' -f1)
like "what no longer applies is refused" 'tag of Port eth7 was changed since' "$(vsctl undo "$number" 2>&1)"
printf 'ovs-vsctl del-port eth7\nadd-port br0 eth8 tag=8\n' > plan
like "diff shows a plan" '\+ Port eth8' "$(vsctl diff plan)"
same "and changes nothing" eth7 "$(vsctl list-ports br0)"
like "the server says where the file is" 'ovs-vsctl' "$(OVS_DBDIR=/nowhere "$bin/apus" vsctl --db="unix:$OVS_RUNDIR/db.sock" log 1 2>&1)"
like "without the file the fix is named" '--file' "$(OVS_DBDIR=/nowhere OVS_RUNDIR=/nowhere log 2>&1)"
like "nor is another server's file taken" '--file' "$("$bin/apus" vsctl --db=tcp:127.0.0.1:9 log 2>&1)"
finish
