#!/bin/sh
# SPDX-License-Identifier: MIT
# Parity of nethack:Score --env.actions=23 with the nle package's NetHackScore-v0, step by step.
#
#   tests/parity/nethack_parity.sh [options of nethack_parity.py]
#
# Needs python3-venv, faketime and, unless $NLE_PYTHON names an interpreter that has nle 1.3.0, the package index
# (or a folder of wheels in $PIP_FIND_LINKS). Takes about a minute.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${NLE_PYTHON:-}
if [ -z "$python" ]; then
    venv="${ONIC_CACHE:-$root/build/cache}/parity-venv"
    python="$venv/bin/python"
    if ! "$python" -c 'import nle' 2>/dev/null; then
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet 'nle==1.3.0' gymnasium
    fi
fi
cd "$root"
# 1700500000 without a leading @: the clock stands still. Only wall-clock time is replaced.
FAKETIME_DONT_FAKE_MONOTONIC=1 TZ=UTC exec faketime -f '2023-11-20 17:06:40' "$python" "$here/nethack_parity.py" "$@"
