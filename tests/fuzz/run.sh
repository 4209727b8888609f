#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The fuzz targets, live: clang's libFuzzer with ASan and UBSan, from the corpus that is kept, one target after the other.
#
#   tests/fuzz/run.sh [--runs=N] [--seconds=S] [--slice=S] [--tally=FILE] [--plain] [--keep] [NAME...]
#
# Without NAME all of them, 10,000,000 inputs each (that is a day); --seconds ends each earlier. They take turns of --slice seconds, 300. After each
# turn FILE (build-fuzz/tally.jsonl) gets a line: what was run is counted over all of them, so the same command goes on where it was stopped.
# A finding ends the run (exit 1) and is kept in build-fuzz/findings/. --plain: without sanitizers, some times as fast, in build-fuzz-plain.
# --keep adds the smallest inputs that reached something new to tests/fuzz/corpus. --table only prints what FILE has.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 70
runs=10000000 seconds=0 slice=300 tally='' keep=no table=no build=build-fuzz sanitize=address names=()
for word in "$@"; do
  case $word in
    --runs=*) runs=${word#*=} ;;
    --seconds=*) seconds=${word#*=} ;;
    --slice=*) slice=${word#*=} ;;
    --tally=*) tally=${word#*=} ;;
    --plain) build=build-fuzz-plain sanitize='' ;;
    --keep) keep=yes ;;
    --table) table=yes ;;
    -h | --help) sed -n '3,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "unknown option $word; see --help" >&2; exit 64 ;;
    *) names+=("$word") ;;
  esac
done
if [[ ${#names[@]} == 0 ]]; then
  for f in tests/fuzz/fuzz_*.c; do f=${f##*/fuzz_}; names+=("${f%.c}"); done
fi
tally=${tally:-build-fuzz/tally.jsonl}

# sum NAME FIELD [BUILD]: over the lines of the tally.
sum() {
  grep -s "\"target\":\"$1\",\"build\":\"${3:-}" "$tally" | sed -E "s/.*\"$2\":([0-9]+).*/\1/" | awk '{n += $1} END {print n + 0}'
}

if [[ $table == yes ]]; then
  echo "| target | executions with ASan and UBSan | without | findings |"
  echo "|---|---|---|---|"
  for name in "${names[@]}"; do
    printf "| \`%s\` | %'d | %'d | %d |\n" "$name" "$(sum "$name" executions address)" "$(sum "$name" executions none)" "$(sum "$name" findings)"
  done
  exit 0
fi

launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DONIC_SANITIZE="$sanitize" \
  -DONIC_FUZZ=ON -DONIC_WERROR=OFF "${launcher[@]}" >/dev/null && ninja -C "$build" -j"${FUZZ_JOBS:-2}" "${names[@]/#/tests/fuzz-}" >/dev/null || exit 70
mkdir -p build-fuzz/findings "$(dirname "$tally")"

# turn NAME SECONDS: fuzzes so long at most; 1 = a finding.
turn() {
  local name=$1 corpus=build-fuzz/corpus/$1 log=$build/$1.log left rc executions
  left=$((runs - $(sum "$name" executions "${sanitize:-none}")))
  mkdir -p "$corpus"
  "$build"/tests/fuzz-"$name" -runs="$left" -max_total_time="$2" -max_len=8192 -timeout=20 -print_final_stats=1 -verbosity=0 -close_fd_mask=1 \
    -artifact_prefix="build-fuzz/findings/$name-" "$corpus" tests/fuzz/corpus/"$name" 2>"$log"
  rc=$?
  executions=$(sed -nE 's/^stat::number_of_executed_units: *([0-9]+)/\1/p' "$log")
  printf '{"target":"%s","build":"%s","executions":%d,"findings":%d,"seconds":%d,"date":"%s"}\n' "$name" "${sanitize:-none}" \
    "${executions:-0}" $((rc != 0)) "$2" "$(date -u +%F)" >>"$tally"
  echo "$name: ${executions:-0} more, $(sed -nE 's/^stat::average_exec_per_sec: *([0-9]+)/\1/p' "$log") a second"
  [[ $rc == 0 ]] && return 0
  tail -40 "$log"
  echo "$name: a finding in build-fuzz/findings/" >&2
  return 1
}

began=$SECONDS
while :; do
  busy=no
  for name in "${names[@]}"; do
    done_so_far=$(sum "$name" executions "${sanitize:-none}")
    if ((done_so_far >= runs)) || { ((seconds > 0)) && ((SECONDS - began >= seconds * ${#names[@]})); }; then
      continue
    fi
    busy=yes
    now=$slice
    ((seconds > 0 && seconds < slice)) && now=$seconds
    turn "$name" "$now" || exit 1
  done
  [[ $busy == yes ]] || break
done
if [[ $keep == yes ]]; then
  for name in "${names[@]}"; do
    "$build"/tests/fuzz-"$name" -merge=1 -max_len=2048 tests/fuzz/corpus/"$name" build-fuzz/corpus/"$name" >/dev/null 2>&1 || exit 1
  done
fi
