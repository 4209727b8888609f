#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The fuzz targets, live: clang's libFuzzer with ASan and UBSan, from the corpus that is kept, one target after the other.
#
#   tests/fuzz/run.sh [--runs=N] [--seconds=S] [--slice=S] [--timeout=S] [--tally=FILE] [--plain] [--keep] [--orders] [NAME...]
#
# Without NAME all of them, 10,000,000 inputs each (some ten hours of a core); --seconds ends each earlier. They take turns of --slice seconds, 300. After each turn
# what libFuzzer says that it executed is added up in FILE (build-fuzz/tally.tsv), a row for each target, build and commit: the same command goes on
# where it was stopped. A finding ends the run (exit 1) and is kept in build-fuzz/findings/; so is an input that takes --timeout seconds, 20 (more on a
# machine that does other things). --plain: without sanitizers, some times as fast, in build-fuzz-plain.
# --keep adds the smallest inputs that reached something new to tests/fuzz/corpus. --table only prints what FILE has. --orders only looks whether
# every input of the corpora does the same whatever came before it (replay.c).
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 70
runs=10000000 seconds=0 slice=300 timeout=20 tally='' keep=no table=no orders=no build=build-fuzz sanitize=address names=()
for word in "$@"; do
  case $word in
    --runs=*) runs=${word#*=} ;;
    --seconds=*) seconds=${word#*=} ;;
    --slice=*) slice=${word#*=} ;;
    --timeout=*) timeout=${word#*=} ;;
    --tally=*) tally=${word#*=} ;;
    --plain) build=build-fuzz-plain sanitize='' ;;
    --keep) keep=yes ;;
    --table) table=yes ;;
    --orders) orders=yes ;;
    -h | --help) sed -n '3,13s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "unknown option $word; see --help" >&2; exit 64 ;;
    *) names+=("$word") ;;
  esac
done
if [[ ${#names[@]} == 0 ]]; then
  for f in tests/fuzz/fuzz_*.c; do f=${f##*/fuzz_}; names+=("${f%.c}"); done
fi
tally=${tally:-build-fuzz/tally.tsv}

# sum NAME FIELD [BUILD]: over the rows of the tally.
sum() {
  [[ -s $tally ]] || { echo 0; return; }
  awk -F'\t' -v name="$1" -v field="$2" -v build="${3:-}" 'NR == 1 {for (i = 1; i <= NF; i++) if ($i == field) c = i; next}
    $1 == name && (build == "" || $2 == build) {n += $c} END {printf "%.0f\n", n}' "$tally"
}

# book NAME EXECUTIONS FINDINGS SECONDS: into the row of this build and commit; a commit with + was changed.
book() {
  local commit
  commit=$(git rev-parse --short=8 HEAD 2>/dev/null || echo unknown)
  git diff --quiet HEAD -- . ':!tests/fuzz' 2>/dev/null || commit+=+
  mkdir -p "$(dirname "$tally")"
  [[ -s $tally ]] || printf 'target\tbuild\tcommit\tlast\texecutions\tfindings\tseconds\n' >"$tally"
  awk -F'\t' -v OFS='\t' -v name="$1" -v build="${sanitize:-none}" -v commit="$commit" -v last="$(date -u +%F)" -v n="$2" -v findings="$3" -v s="$4" '
    $1 == name && $2 == build && $3 == commit {$4 = last; $5 = sprintf("%.0f", $5 + n); $6 += findings; $7 += s; found = 1}
    {print} END {if (!found) print name, build, commit, last, n, findings, s}' "$tally" >"$tally.new" && mv "$tally.new" "$tally"
}

if [[ $table == yes ]]; then
  echo "| target | executions with ASan and UBSan | without | findings |"
  echo "|---|---|---|---|"
  for name in "${names[@]}"; do
    printf "| \`%s\` | %'d | %'d | %d |\n" "$name" "$(sum "$name" executions address)" "$(sum "$name" executions none)" "$(sum "$name" findings)"
  done
  exit 0
fi

program=fuzz
[[ $orders == yes ]] && program=replay
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DONIC_SANITIZE="$sanitize" \
  -DONIC_FUZZ=ON -DONIC_WERROR=OFF "${launcher[@]}" >/dev/null && ninja -C "$build" -j"${FUZZ_JOBS:-2}" "${names[@]/#/tests/$program-}" >/dev/null || exit 70
# Freed memory is kept for a while, so that its use is seen: of some thousand inputs; 256 MiB, as by default, are slow for no other reason than being large.
export ASAN_OPTIONS=quarantine_size_mb=16${ASAN_OPTIONS:+:$ASAN_OPTIONS}
if [[ $orders == yes ]]; then
  rc=0
  for name in "${names[@]}"; do
    mkdir -p build-fuzz/corpus/"$name"
    echo -n "$name: "
    "$build"/tests/replay-"$name" tests/fuzz/corpus/"$name" build-fuzz/corpus/"$name" || rc=1
  done
  exit $rc
fi
mkdir -p build-fuzz/findings
child='' stop=no
trap 'stop=yes; kill $child 2>/dev/null' INT TERM

# turn NAME SECONDS: fuzzes so long at most; 1 = a finding.
turn() {
  local name=$1 corpus=build-fuzz/corpus/$1 log=$build/$1.log left rc executions leaks=1 began=$SECONDS
  # Their sockets are closed by a thread of libzmq, so that a leak would be looked for after each of the first thousand inputs, for milliseconds;
  # for these it is when the turn ends.
  [[ $name == actor || $name == annotation ]] && leaks=0
  left=$((runs - $(sum "$name" executions "${sanitize:-none}")))
  mkdir -p "$corpus"
  "$build"/tests/fuzz-"$name" -runs="$left" -max_total_time="$2" -max_len=8192 -timeout="$timeout" -report_slow_units="$timeout" -print_final_stats=1 -verbosity=0 -close_fd_mask=1 \
    -detect_leaks="$leaks" \
    -artifact_prefix="build-fuzz/findings/$name-" "$corpus" tests/fuzz/corpus/"$name" 2>"$log" &
  child=$!
  wait "$child"
  rc=$?
  if [[ $stop == yes ]]; then
    wait "$child" # that was the signal's
    rc=$?
  fi
  ((rc == 72)) && rc=0 # libFuzzer was told to stop
  executions=$(sed -nE 's/^stat::number_of_executed_units: *([0-9]+)/\1/p' "$log")
  book "$name" "${executions:-0}" $((rc != 0)) $((SECONDS - began))
  echo "$name: ${executions:-0} more, $(sed -nE 's/^stat::average_exec_per_sec: *([0-9]+)/\1/p' "$log") a second"
  [[ $rc == 0 ]] && return 0
  tail -40 "$log"
  echo "$name: a finding in build-fuzz/findings/" >&2
  return 1
}

declare -A spent
while :; do
  busy=no
  for name in "${names[@]}"; do
    done_so_far=$(sum "$name" executions "${sanitize:-none}")
    if ((done_so_far >= runs)) || { ((seconds > 0)) && ((${spent[$name]:-0} >= seconds)); }; then
      continue
    fi
    busy=yes
    now=$slice
    ((seconds > 0 && seconds - ${spent[$name]:-0} < slice)) && now=$((seconds - ${spent[$name]:-0}))
    spent[$name]=$((${spent[$name]:-0} + now))
    turn "$name" "$now" || exit 1
    [[ $stop == yes ]] && exit 0
  done
  [[ $busy == yes ]] || break
done
if [[ $keep == yes ]]; then
  for name in "${names[@]}"; do
    "$build"/tests/fuzz-"$name" -merge=1 -max_len=2048 tests/fuzz/corpus/"$name" build-fuzz/corpus/"$name" >/dev/null 2>&1 || exit 1
  done
fi
