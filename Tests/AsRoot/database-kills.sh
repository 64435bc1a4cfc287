#!/bin/bash
# Kills our database server 200 times, or as often as KILLS says, while clients write: see database/kills.py.
#
#   database-kills.sh FOLDER     FOLDER holds the built programs
#
# Takes about half a minute; works in a temporary directory.
set -u
programs=$(cd "${1:?usage: $0 FOLDER}" && pwd)
cd "$(dirname "$0")/database"
exec python3 kills.py "$programs" "${KILLS:-200}"
