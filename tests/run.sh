#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds and tests onic. Last line of output: "N passed, N failed, N skipped" (ctest's tests; a build that fails counts as 1 failed).
#
#   ./tests/run.sh [--no-install] [--all] [--deploy] [-R REGEX]
#
# Without options: Release with gcc in build/, every test not labelled slow, deploy or bench.
#   --all         also clang, ASan+UBSan, TSan (threaded parts) and the label slow
#   --deploy      also the label deploy (container engine, Slurm; needs root)
#   --no-install  never call apt-get; stop when a package is missing
#   -R REGEX      only tests whose name matches
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 70
. deploy/lib/say.sh
. deploy/lib/packages.sh
. deploy/lib/fetch.sh

install=yes all=no deploy=no regex=.
while [[ $# -gt 0 ]]; do
  case $1 in
    --no-install) install=no ;;
    --all) all=yes ;;
    --deploy) deploy=yes ;;
    -R) regex=${2:?-R needs a regular expression}; shift ;;
    -h | --help) sed -n '3,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) die 64 "unknown option $1; see --help" ;;
  esac
  shift
done

passed=0 failed=0 skipped=0
failures=""

# build NAME DIR CMAKE_OPTION...
build() {
  local name=$1 dir=$2
  shift 2
  say "building: $name ($dir)"
  if mkdir -p "$dir" && { cmake -S . -B "$dir" -G Ninja "$@" >"$dir/configure.log" 2>&1 || { cat "$dir/configure.log"; false; }; } &&
    ninja -C "$dir"; then
    return 0
  fi
  failed=$((failed + 1))
  failures+="  the build: $name"$'\n'
  return 1
}

# run NAME DIR CTEST_OPTION...: runs and adds up the results.
run() {
  local name=$1 dir=$2 report counts
  shift 2
  report=$PWD/$dir/results.xml
  rm -f "$report"
  say "testing: $name"
  ctest --test-dir "$dir" --output-on-failure --no-tests=ignore --output-junit "$report" -R "$regex" "$@"
  if [[ ! -s $report ]]; then
    failed=$((failed + 1))
    failures+="  ctest itself: $name"$'\n'
    return
  fi
  counts=$(python3 - "$report" <<'PY'
import sys, xml.etree.ElementTree as tree
n = {"run": 0, "fail": 0, "notrun": 0, "disabled": 0}
for case in tree.parse(sys.argv[1]).getroot().iter("testcase"):
    n[case.get("status", "fail")] = n.get(case.get("status", "fail"), 0) + 1
    if case.get("status") == "fail":
        print("FAIL", case.get("name"))
    for line in (case.findtext("system-out") or "").splitlines():
        if line.startswith("[  SKIPPED ] ") and "test(s)" not in line:
            print("CASE", case.get("name") + ": " + line[13:])
print("COUNT", n["run"], n["fail"], n["notrun"] + n["disabled"])
PY
  )
  read -r _ p f s <<<"$(grep '^COUNT' <<<"$counts")"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  while read -r _ what; do failures+="  $name: $what"$'\n'; done < <(grep '^FAIL' <<<"$counts")
  if grep -q '^CASE' <<<"$counts"; then
    note "cases skipped inside tests that passed:"
    grep '^CASE' <<<"$counts" | sort -u | sed 's/^CASE/    /' >&2
  fi
}

# reports DIR: what sanitizers said in any process of the tests, most of whose stderr is in files that are gone by now.
reports() {
  local said
  said=$(cat "$1"/report.* 2>/dev/null) || return 0
  rm -f "$1"/report.*
  note "the sanitizers' reports:"
  printf '%s\n' "$said" >&2
}

packages_install "the build" $install $PACKAGES_BUILD $PACKAGES_WHEELS
packages_install "the tests" $install $PACKAGES_TESTS
[[ $deploy == yes ]] && packages_install "the deployment tests" $install $PACKAGES_DEPLOY
fetch_wheels "$root" llm || note "tests that need what is missing are skipped, each with its reason."
# The other builds look for the fetched packages where this one put them.
ONIC_CACHE=$(fetch_cache_dir "$root")
export ONIC_CACHE

without='slow|deploy|bench'
if build "Release, gcc" build -DCMAKE_BUILD_TYPE=Release; then
  run "Release, gcc" build -j2 -LE "$without"
  if [[ $all == yes ]]; then
    run "slow" build -j2 -L slow -LE 'deploy|bench'
  fi
  if [[ $deploy == yes ]]; then
    run "deployments" build -j1 -L deploy
  fi
fi
if [[ $all == yes ]]; then
  if build "Release, clang" build-clang -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++; then
    run "clang" build-clang -j2 -LE "$without|style"
  fi
  export UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=detect_stack_use_after_return=1
  # Warnings are judged in the release builds: sanitizers confuse gcc's flow analysis.
  if build "ASan and UBSan" build-asan -DCMAKE_BUILD_TYPE=RelWithDebInfo -DONIC_SANITIZE=address -DONIC_WERROR=OFF; then
    ASAN_OPTIONS+=:log_path=$root/build-asan/report LSAN_OPTIONS=suppressions=$root/tests/support/lsan.supp \
      run "ASan and UBSan" build-asan -j2 -LE "$without|style"
    reports build-asan
  fi
  if build "TSan" build-tsan -DCMAKE_BUILD_TYPE=RelWithDebInfo -DONIC_SANITIZE=thread -DONIC_WERROR=OFF; then
    # Left out: tests that train until something is learned, ten times as long here (three reward models' do so in one thread alone;
    # unit/learner/reward/beside has the other), and two whose ends hand megabytes to each other in one process (one of them
    # enciphered), each word of which is looked up among the suppressions; the same threads run in the others.
    TSAN_OPTIONS="suppressions=$root/tests/support/tsan.supp history_size=4 log_path=$root/build-tsan/report" \
      run "TSan, threaded parts" build-tsan -j2 -LE "$without|style" -E 'integration/(action_worlds|deterministic|installed|last_step|learned|staleness|wire_keys)$|reward/(classifier|ranking|rnd)$' -R 'queue|log|metrics|wire|learner|checkpoint|integration'
    reports build-tsan
  fi
fi

if [[ -n $failures ]]; then
  printf '\nfailed:\n%s' "$failures"
fi
printf '\n%d passed, %d failed, %d skipped\n' $passed $failed $skipped
[[ $failed == 0 && $passed -gt 0 ]]
