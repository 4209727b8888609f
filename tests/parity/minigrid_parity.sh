#!/bin/sh
# SPDX-License-Identifier: MIT
# Parity of minigrid:* with the minigrid package 3.2.0, step by step.
#
#   tests/parity/minigrid_parity.sh [options of minigrid_parity.py, for example --env KeyCorridorS3R3 --seed 7]
#
# Needs python3-venv and, unless $MINIGRID_PYTHON names an interpreter that has minigrid 3.2.0, the package index (or a
# folder of wheels in $PIP_FIND_LINKS); exits 77 (skipped) when the package cannot be installed. Takes about a minute.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${MINIGRID_PYTHON:-}
if [ -z "$python" ]; then
    venv="${ONIC_CACHE:-$root/build/cache}/minigrid-venv"
    python="$venv/bin/python"
    if ! "$python" -c 'import minigrid' 2>/dev/null; then
        if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet 'minigrid==3.2.0'; }; then
            echo "skipped: the package minigrid 3.2.0 could not be installed" >&2
            exit 77
        fi
    fi
fi
exec "$python" "$here/minigrid_parity.py" --onic "${ONIC_BUILD:-$root/build}/onic" "$@"
