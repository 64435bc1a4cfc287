#!/bin/bash
# Kills our database server 500 times while clients write: see database/kills.py.
#
#   database-kills.sh FOLDER     FOLDER holds the built programs
#
# Takes one to two minutes; works in a temporary directory.
set -u
programs=$(cd "${1:?usage: $0 FOLDER}" && pwd)
cd "$(dirname "$0")/database"
exec python3 kills.py "$programs" 500
