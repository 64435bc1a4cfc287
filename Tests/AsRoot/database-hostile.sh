#!/bin/bash
# Hostile clients and a full disk, against our database server: see database/hostile.py.
#
#   database-hostile.sh FOLDER     FOLDER holds the built programs
#
# Mounts 2 MiB of tmpfs, in a mount namespace of its own. Takes about half a minute.
set -u
programs=$(cd "${1:?usage: $0 FOLDER}" && pwd)
cd "$(dirname "$0")/database"
exec unshare --mount python3 hostile.py "$programs"
