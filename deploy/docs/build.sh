#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the site of the documentation: deploy/docs/build.sh [--build=DIR] [--out=DIR]
#
# DIR (build) holds the programs, whose --help becomes the reference; OUT (DIR/docs) gets site/index.html, which a browser opens
# without a server. Needs Python 3; the packages of requirements.txt go into the package cache once, with their hashes checked, and
# after that no network is needed. Exits 77 when they cannot be had.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/deploy/lib/say.sh"
build=$root/build out=
for arg in "$@"; do
  case $arg in
    --build=*) build=${arg#*=} ;;
    --out=*) out=${arg#*=} ;;
    -h | --help) sed -n '3,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) die 64 "unknown option $arg; see --help" ;;
  esac
done
[[ -x $build/onic && -x $build/onic-learner ]] || die 64 "there are no programs in $build: build onic first (./deploy/quickstart.sh), or name the folder with --build=DIR"
build=$(cd "$build" && pwd)
out=${out:-$build/docs}
venv=${ONIC_CACHE:-$root/build/cache}/docs-$(sha256sum <"$root/deploy/docs/requirements.txt" | cut -c 1-12)

# lock FILE WHAT: one build at a time does WHAT; the others wait for it and find it done.
lock() {
  exec 9>"$1" || die 73 "cannot write $1"
  flock -n 9 || { note "another build $2: waiting for it"; flock 9; }
}
if [[ ! -e $venv/complete ]]; then
  mkdir -p "${venv%/*}"
  lock "$venv.lock" "installs mkdocs-material"
fi
if [[ ! -e $venv/complete ]]; then
  rm -rf "$venv"
  if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 --require-hashes \
    --only-binary=:all: --no-deps -r "$root/deploy/docs/requirements.txt" && touch "$venv/complete"; } >&2; then
    rm -rf "$venv"
    die 77 "mkdocs-material cannot be installed into ${venv%/*} (network? python3-venv?)"
  fi
fi
mkdir -p "$out"
lock "$out/.lock" "writes $out"
python3 "$root/deploy/docs/assemble.py" "$build" "$out"
NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true "$venv/bin/mkdocs" --quiet build --strict --clean -f "$out/mkdocs.yml" >&2
python3 "$root/deploy/docs/links.py" "$out/site"
echo "$out/site/index.html"
