#!/bin/sh
# SPDX-License-Identifier: MIT
# Parity of nethack:Score --env.actions=23 with the nle package's NetHackScore-v0, step by step.
#
#   tests/parity/nethack_parity.sh [options of nethack_parity.py]
#
# Needs python3-venv, faketime and, unless $NLE_PYTHON names an interpreter that has nle 1.3.0 and gymnasium, the package
# index (or a folder of wheels in $PIP_FIND_LINKS); exits 77 (skipped) when they cannot be had. Takes about half a minute.
set -eu
if ! command -v faketime >/dev/null; then
    echo "skipped: faketime is not installed" >&2
    exit 77
fi
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${NLE_PYTHON:-}
if [ -z "$python" ]; then
    venv="${ONIC_CACHE:-$root/build/cache}/parity-venv"
    python="$venv/bin/python"
    if ! "$python" -c 'import nle' 2>/dev/null; then
        if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet 'nle==1.3.0' gymnasium; }; then
            echo "skipped: the package nle 1.3.0 could not be installed" >&2
            exit 77
        fi
    fi
fi
# 1700500000 without a leading @: the clock stands still. Only wall-clock time is replaced.
FAKETIME_DONT_FAKE_MONOTONIC=1 TZ=UTC exec faketime -f '2023-11-20 17:06:40' \
    "$python" "$here/nethack_parity.py" --onic "${ONIC_BUILD:-$root/build}/onic" "$@"
