#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs one test of the Python package with real packages: tests/python/run.sh test_NAME.py [CLASS[.TEST] ...]
# With --python it prints the interpreter that has them, and runs nothing.
#
# The packages of requirements.txt, or of the file that "requirements: FILE" in the test's first lines names, pinned and hashed, go into
# <cache>/python-<hash of that file>; the cache is ONIC_CACHE or build/cache. 77 (skipped) when they cannot be had; who failed is not
# repeated for ten minutes.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$root/deploy/lib/say.sh"
. "$root/deploy/lib/fetch.sh"

skip() {
  echo "skipped: $*" >&2
  exit 77
}

# venv_ready DIR: makes it where it is missing; 0 when it is whole.
venv_ready() {
  local venv=$1
  [[ -e $venv/complete ]] && return 0
  [[ -n $(find "$venv.failed" -mmin -10 2>/dev/null) ]] && return 1
  rm -rf "$venv" "$venv.failed"
  note "fetching the Python packages of tests/python/${requirements##*/}"
  if python3 -m venv "$venv" >"$venv.log" 2>&1 &&
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --retries 1 --timeout 20 --no-deps --only-binary=:all: \
      --require-hashes -r "$requirements" >>"$venv.log" 2>&1; then
    touch "$venv/complete"
    rm -f "$venv.log"
    return 0
  fi
  rm -rf "$venv"
  mv -f "$venv.log" "$venv.failed" 2>/dev/null
  return 1
}

requirements=$here/requirements.txt
named=$(sed -nE '1,3s/.*requirements: ([a-z-]+\.txt).*/\1/p' "$here/${1:-none}" 2>/dev/null)
[[ -z $named ]] || requirements=$here/$named
cache=$(fetch_cache_dir "$root")
mkdir -p "$cache" || skip "cannot write $cache"
venv=$cache/python-$(python3 -c 'import hashlib, sys
print(hashlib.sha256(open(sys.argv[1], "rb").read() + sys.version.encode()).hexdigest()[:12])' "$requirements") || skip "python3 is not installed"
exec 9>"$cache/.python.lock" || skip "cannot write $cache"
flock 9
venv_ready "$venv" ||
  skip "the packages of tests/python/${requirements##*/} cannot be had ($(grep -m1 -E 'ERROR|Error|error' "$venv.failed" 2>/dev/null | cut -c1-160))"
exec 9>&-
python=$venv/bin/python
if [[ ${1:-} == --python ]]; then
  echo "$python"
  exit 0
fi
test=${1:?a test is wanted: test_NAME.py}
shift
export ONIC_BUILD=${ONIC_BUILD:-$root/build} ONIC_SOURCE=$root ONIC_CACHE=$cache
# One thread: what is compared is numbers, and another test may run beside this one.
export PYTHONPATH=$root/deploy/python:$here PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
  SDL_VIDEODRIVER=dummy PYGAME_HIDE_SUPPORT_PROMPT=1 NO_ALBUMENTATIONS_UPDATE=1
exec "$python" "$here/runner.py" "$test" "$@"
