#!/bin/bash
# The same questions to our database server and to Debian's, and the same answers: JSON-RPC by hand,
# ovsdb-client and ovsdb-tool of Debian, and from PyPI the Python `ovs` library and ovsdbapp.
#
#   database-clients.sh FOLDER     FOLDER holds the built programs
#
# Needs openvswitch-switch's programs and, for the last two parts, PyPI. Takes about two minutes. All
# servers run in temporary directories; a running Open vSwitch is never touched.
set -u
programs=$(cd "${1:?usage: $0 FOLDER}" && pwd)
cd "$(dirname "$0")/database"
failed=0
part() { echo "-- $1"; shift; timeout 300 "$@" || failed=1; }

part "requests by hand" python3 compare_requests.py "$programs"
part "ovsdb-client and ovsdb-tool" python3 compare_client.py "$programs"

libraries=$(mktemp -d)
trap 'rm -rf "$libraries"' EXIT
if python3 -m venv "$libraries" && "$libraries/bin/pip" -q --disable-pip-version-check install ovs ovsdbapp; then
  part "the Python IDL" "$libraries/bin/python" compare_scripts.py "$programs" idl_script.py
  part "ovsdbapp" "$libraries/bin/python" compare_scripts.py "$programs" ovsdbapp_script.py
else
  echo "FAIL  ovs and ovsdbapp could not be installed from PyPI"; failed=1
fi
exit $failed
