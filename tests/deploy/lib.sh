# SPDX-License-Identifier: MIT
# Sourced by tests/deploy/test_*.sh: waiting, cleaning up, reading a run's files. Every process started here is stopped by its id.

work=$(mktemp -d "${TMPDIR:-/tmp}/onic-deploy-XXXXXX")
cleanups=()
at_exit() { cleanups+=("$1"); }
finish() {
  local rc=$? i
  trap - EXIT
  for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do eval "${cleanups[i]}" >/dev/null 2>&1; done
  rm -rf "$work"
  exit "$rc"
}
trap finish EXIT
trap 'exit 130' INT TERM

skip() { echo "skipped: $*"; exit 77; }
fail() { echo "FAILED: $*"; diagnose 2>&1 | tail -80; exit 1; }
diagnose() { :; }
step() { echo "-- $(date +%T) $*"; }

# says [OPTION] PATTERN: a line of the input has it. All of it is read: `grep -q` ends at the first, and whoever writes on then dies, which pipefail counts.
says() {
  local text
  text=$(cat)
  grep -q "$@" <<<"$text"
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < end)) || fail "$what did not happen in time"
    sleep 0.5
  done
}

# stop_process PID: TERM, then KILL after 10 s.
stop_process() {
  local i
  kill -TERM "$1" 2>/dev/null || return 0
  for ((i = 0; i < 100; i++)); do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL "$1" 2>/dev/null
}

# json FIELD.FIELD < document
json() {
  python3 -c '
import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1].split("."):
    value = value[key]
print(json.dumps(value))' "$1"
}

# check_ledger DOCUMENT: balanced, nothing twice, something consumed.
check_ledger() {
  echo "$1"
  [[ $(json trajectories.balanced <<<"$1") == true ]] || fail "the ledger is not balanced"
  [[ $(json trajectories.consumed_twice <<<"$1") == 0 ]] || fail "trajectories were consumed twice"
  [[ $(json trajectories.consumed <<<"$1") -gt 0 ]] || fail "nothing was consumed"
}
