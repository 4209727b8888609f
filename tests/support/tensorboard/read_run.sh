#!/bin/sh
# SPDX-License-Identifier: MIT
# read_run.sh FOLDER: read_run.py with the published tensorboard package.
#
# It needs Python with that package: $TENSORBOARD_PYTHON, the system's, or a virtual environment that is made in the package cache (5 s;
# only what reading takes: no gRPC, no server). Exits 77 when none can be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${ONIC_CACHE:-$here/../../../build/cache}
has_tensorboard() { "$1" -c 'import tensorboard.backend.event_processing.plugin_event_multiplexer' 2>/dev/null; }
python=${TENSORBOARD_PYTHON:-python3}
if ! has_tensorboard "$python"; then
    python="$cache/tensorboard-venv/bin/python"
    if ! has_tensorboard "$python"; then
        python3 -m venv "$cache/tensorboard-venv" && "$cache/tensorboard-venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
            'tensorboard==2.21.0' numpy protobuf absl-py packaging typing_extensions >&2 && has_tensorboard "$python" || {
            echo "skipped: the package tensorboard 2.21.0 could not be installed" >&2
            exit 77
        }
    fi
fi
exec "$python" "$here/read_run.py" "$1"
