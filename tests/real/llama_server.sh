#!/bin/sh
# SPDX-License-Identifier: MIT
# The annotator llm against a real llama_cpp.server with a tiny random model that this test writes itself.
#
#   tests/real/llama_server.sh
#
# Needs python3-venv, a C++ compiler and, unless $LLAMA_PYTHON names an interpreter that has llama-cpp-python 0.3.36 with its
# server and gguf 0.19.0, the package index: the server is then built once, about 4 minutes, and kept in the cache folder.
# Exits 77 (skipped) when it cannot be had. The test itself takes about a minute.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${LLAMA_PYTHON:-}
if [ -z "$python" ]; then
    venv="${ONIC_CACHE:-$root/build/cache}/llama-venv-0.3.36"
    python="$venv/bin/python"
    if ! "$python" -c 'import llama_cpp.server.app, gguf' 2>/dev/null; then
        if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet 'llama-cpp-python[server]==0.3.36' 'gguf==0.19.0'; }; then
            echo "skipped: llama-cpp-python 0.3.36 could not be installed" >&2
            exit 77
        fi
    fi
fi
exec "$python" "$here/llama_server.py" --onic "${ONIC_BUILD:-$root/build}/onic" "$@"
