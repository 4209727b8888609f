#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The fuzz targets, live: clang's libFuzzer with ASan and UBSan, from the corpus that is kept, one target after the other.
#
#   tests/fuzz/run.sh [--runs=N] [--seconds=S] [--keep] [NAME...]
#
# Without NAME all of them, 10,000,000 inputs each (that is a day); --seconds ends each earlier. A finding ends the run (exit 1) and is kept
# in build-fuzz/findings/. --keep adds the smallest inputs that reached something new to tests/fuzz/corpus.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 70
runs=10000000 seconds=0 keep=no names=()
for word in "$@"; do
  case $word in
    --runs=*) runs=${word#*=} ;;
    --seconds=*) seconds=${word#*=} ;;
    --keep) keep=yes ;;
    -h | --help) sed -n '3,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "unknown option $word; see --help" >&2; exit 64 ;;
    *) names+=("$word") ;;
  esac
done
if [[ ${#names[@]} == 0 ]]; then
  for f in tests/fuzz/fuzz_*.c; do f=${f##*/fuzz_}; names+=("${f%.c}"); done
fi
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
cmake -S . -B build-fuzz -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DONIC_SANITIZE=address \
  -DONIC_FUZZ=ON -DONIC_WERROR=OFF "${launcher[@]}" >/dev/null && ninja -C build-fuzz "${names[@]/#/tests/fuzz-}" || exit 70
mkdir -p build-fuzz/findings
for name in "${names[@]}"; do
  corpus=build-fuzz/corpus/$name
  mkdir -p "$corpus"
  echo "== $name"
  if ! build-fuzz/tests/fuzz-"$name" -runs="$runs" -max_total_time="$seconds" -max_len=8192 -timeout=20 -print_final_stats=1 -verbosity=0 -close_fd_mask=1 \
    -artifact_prefix="build-fuzz/findings/$name-" "$corpus" tests/fuzz/corpus/"$name" 2>build-fuzz/"$name".log; then
    tail -40 build-fuzz/"$name".log
    echo "$name: a finding in build-fuzz/findings/" >&2
    exit 1
  fi
  grep -E 'stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)' build-fuzz/"$name".log
  if [[ $keep == yes ]]; then
    build-fuzz/tests/fuzz-"$name" -merge=1 -max_len=2048 tests/fuzz/corpus/"$name" "$corpus" >/dev/null 2>&1 || exit 1
  fi
done
