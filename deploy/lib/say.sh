# SPDX-License-Identifier: MIT
# Sourced by the scripts of this repository: how they speak. Progress goes to stderr, results to stdout.

say() { printf '\n== %s\n' "$*" >&2; }
note() { printf '   %s\n' "$*" >&2; }
die() {
  local code=$1
  shift
  printf 'error: %s\n' "$*" >&2
  exit "$code"
}
