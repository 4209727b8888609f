#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The units of deploy/systemd as they are installed: systemd finds nothing wrong with them, and calls what they leave open little.
set -uo pipefail
build=${ONIC_BUILD:-build}
command -v systemd-analyze >/dev/null || { echo "skipped: systemd-analyze is not installed"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

cmake --install "$build" --prefix "$work/copy" >"$work/install.log" 2>&1 || { tail -5 "$work/install.log"; fail "cmake --install"; }
units=$work/copy/lib/systemd/system
grep -q "^ExecStart=$work/copy/bin/onic-learner " "$units/onic-learner.service" || fail "the learner's unit does not name the installed program"
cp "$units/onic-actor@.service" "$units/onic-actor@1.service"
for unit in onic-learner.service onic-reward-server.service onic-actor@1.service onic.target; do
  # Of this machine's other units something may be missing; what is said of ours counts.
  said=$(SYSTEMD_UNIT_PATH=$units: systemd-analyze verify --man=no "$units/$unit" 2>&1 | grep -F onic)
  [[ -z $said ]] || fail "$unit: $said"
done
for unit in onic-learner.service onic-reward-server.service onic-actor@1.service; do
  exposure=$(systemd-analyze security --offline=true --no-pager "$units/$unit" 2>/dev/null | sed -n 's/.*Overall exposure level for .*: \([0-9]*\)\.[0-9].*/\1/p')
  [[ -n $exposure ]] || fail "systemd-analyze security says nothing of $unit"
  echo "$unit: exposure $exposure of 10"
  [[ $exposure -lt 3 ]] || fail "$unit is exposed"
  grep -q '^MemoryMax=[0-9]' "$units/$unit" || fail "$unit has no limit of memory"
done
# Every variable that a unit reads is in the file of variables.
for name in $(grep -ho '\$[{]\?[A-Z_]*' "$units"/*.service | tr -d '${' | sort -u); do
  grep -q "^$name=" "$work/copy/share/onic/systemd/onic.env" || fail "onic.env does not set $name"
done
echo passed
