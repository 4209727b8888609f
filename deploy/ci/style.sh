#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What a machine can check of the style: format, who may include what, banned functions, sizes, registries, paths and pages
# that are named, seeded bugs, which must still fit, and the structure (deploy/ci/structure.py: which folder may use which, circles,
# names without a caller).
# Prints the ten longest functions, then each offence as file:line: sentence; exit 1 when there is one.
# --fix formats the sources first.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 70
shopt -s extglob

list() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -- "$@" | while read -r f; do [[ -f $f ]] && echo "$f"; done
  else
    find . \( -path './build*' -o -path ./.git -o -path ./runs \) -prune -o -type f -print | sed 's|^\./||'
  fi
}
mapfile -t files < <(list)
sources=() readmes=()
for f in "${files[@]}"; do
  case $f in
    *.c | *.h) sources+=("$f") ;;
    *README.md) readmes+=("$f") ;;
  esac
done
[[ ${#sources[@]} -gt 0 ]] || { echo "no source was found: nothing was checked" >&2; exit 70; }
offences=$(mktemp)
lengths=$(mktemp)
structure=$(mktemp)
trap 'rm -f "$offences" "$lengths" "$structure"' EXIT

# --- format ---
formatter=$(command -v clang-format-14 || true)
if [[ -n $formatter ]]; then
  [[ ${1:-} == --fix ]] && printf '%s\n' "${sources[@]}" | xargs "$formatter" -i
  printf '%s\n' "${sources[@]}" | xargs -n 20 "$formatter" --dry-run 2>&1 |
    sed -nE 's/^([^:]+:[0-9]+):[0-9]+: .*/\1: not formatted (clang-format-14 -i)/p' | sort -t: -u -k1,1 >>"$offences"
else
  echo "clang-format-14 is not installed: the format is not checked" >&2
fi

# --- includes, banned functions, first line, lengths: one pass over all sources ---
awk -v lengths="$lengths" '
function bad(text) { printf "%s:%d: %s\n", FILENAME, FNR, text }
function top(path) { sub(/\/.*/, "", path); return path }
BEGIN {
  split("actor learner reward_server", process)
}
FNR == 1 {
  split(FILENAME, part, "/"); root = part[1]; folder = part[1] "/" part[2]; open_at = 0; head = ""
  spdx = 0
}
FNR <= 2 && /SPDX-License-Identifier: MIT/ { spdx = 1 }
FNR == 2 && !spdx { bad("the first line is not /* SPDX-License-Identifier: MIT */") }
/rc [!=]= (ONIC_OK|0)[^a-zA-Z0-9_]/ { bad("a variable that holds a code is asked as if (rc) or if (!rc): .github/CONTRIBUTING.md, Errors") }
/(^|[^A-Za-z0-9_])goto +[a-z]/ && !/^ *(\/\*|\*)/ { bad("goto: a function that needs one is two: .github/CONTRIBUTING.md, Errors") }
/^#include/ {
  path = $2; gsub(/["<>]/, "", path)
  if (path == "zmq.h" && folder != "common/wire" && root != "tests") bad("zmq.h is included outside common/wire")
  if (path ~ /\.pb-c\.h$/ && folder != "common/wire" && folder != "common/metrics" && FILENAME != "deploy/onnx/graph.c" && root != "tests")
    bad("generated protobuf is included outside common/wire, common/metrics and deploy/onnx/graph.c")
  if (path == "cblas.h" && FILENAME != "common/nn/blas.c" && root != "tests") bad("cblas.h is included outside common/nn/blas.c")
  if (path == "cmocka.h" && FILENAME != "tests/onic_test.h") bad("cmocka.h is included outside tests/onic_test.h")
  if (path == "assert.h") bad("assert.h: use ONIC_ASSERT, it is never compiled out")
  if ($2 ~ /^"/) {
    to = top(path)
    if (root == "common" && to ~ /^(actor|learner|reward_server|deploy|tests)$/) bad("common includes " to)
    for (i in process)
      if (root == process[i] && to ~ /^(actor|learner|reward_server|deploy|tests)$/ && to != root)
        bad(root " includes " to ": processes never include each other")
  }
}
/^ *(\*|\/\*)/ && length($0) > 100 { bad("a comment line of " length($0) " columns, at most 100") }
!/^ *(\*|\/\*|\/\/)/ {
  code = $0; sub(/\/\*.*/, "", code); gsub(/"([^"\\]|\\.)*"/, "\"\"", code)
  if (root == "tests") gsub(/(strcpy|strcat|atoi|atof) *\(/, "(", code) # literals and own output, not what a peer sent
  if (match(code, /(^|[^A-Za-z0-9_.>])(strcpy|strcat|sprintf|vsprintf|strtok|rand|srand|atoi|atof|gmtime|localtime|gets) *\(/))
    bad("banned function: " substr(code, RSTART, RLENGTH - 1))
}
/^#include "common\/base\/shell.h"/ { quotes[FILENAME] = 1 }
root == "deploy" && FILENAME !~ /bench/ && /(^|[^a-z_])(fprintf\(stderr|printf\("[^"]*%[-.0-9*]*s)/ && !/JSON/ {
  bad("what a person is shown goes through shown_printf (common/base/shown.h)")
}
root != "tests" && /`(onic|%s) [^`"]*%[.0-9]*s[^`"]*`/ { suggests[FILENAME] = FNR }
/^[A-Za-z_].*\(/ && !/;$/ && !/^#/ { head = $0 }
/^{/ { open_at = FNR }
/^}/ {
  if (open_at && head != "") {
    n = FNR - open_at - 1; name = head; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
    printf "%d %s:%d %s\n", n, FILENAME, open_at, name >> lengths
    if (n > 80) printf "%s:%d: function %s has %d lines, at most 80\n", FILENAME, open_at, name, n
  }
  open_at = 0; head = ""
}
END {
  for (f in suggests)
    if (!(f in quotes)) printf "%s:%d: a suggested command has words that shell_word (common/base/shell.h) did not quote\n", f, suggests[f]
}' "${sources[@]}" >>"$offences"

# --- sizes ---
wc -l "${sources[@]}" | awk '$2 ~ /\.c$/ && $1 > ($2 ~ /^tests\// ? 800 : 600) {
  printf "%s:1: %d lines, a .c file has at most 600 (a test 800)\n", $2, $1 }' >>"$offences"

# --- registries: every line has its folder, every folder its line ---
registry() {
  local def=$1 base=$2 id
  [[ -f $def ]] || return
  for id in $(sed -nE 's/^[A-Z_]+\(([a-z0-9_]+).*/\1/p' "$def"); do
    compgen -G "$base/$id/*.c" >/dev/null || echo "$def:1: $id has no folder $base/$id"
  done
  for id in $(printf '%s\n' "${sources[@]}" | sed -nE "s|^$base/([a-z0-9_]+)/.*\.c$|\1|p" | sort -u); do
    grep -qE "^[A-Z_]+\($id[,)]" "$def" || echo "$base/$id:1: this folder has no line in $def"
  done
}
{
  registry actor/envs/envs.def actor/envs
  registry learner/reward/reward_models.def learner/reward
  registry reward_server/annotators/annotators.def reward_server/annotators
  registry common/nn/layers/layers.def common/nn/layers
  registry common/policy/encoders.def common/policy/encoders
} >>"$offences"

# --- options: what has an owner lies in the owner's folder, the others in common/config ---
for f in "${files[@]}"; do
  case $f in
    common/config/options.def) ;;
    actor/envs/*/options.def | learner/reward/*/options.def | reward_server/annotators/*/options.def | common/policy/encoders/*/options.def)
      compgen -G "${f%/*}/*.c" >/dev/null || echo "$f:1: no plug-in of this folder reads these options" ;;
    */options.def) echo "$f:1: an options.def lies in the folder of a plug-in or in common/config" ;;
  esac
done >>"$offences"

# --- READMEs: a path in backquotes exists, from the root or from the README's folder ---
for readme in "${readmes[@]}"; do
  grep -noE '`[A-Za-z0-9_./{},-]+`' "$readme" | while IFS=: read -r line token; do
    token=${token//\`/}
    [[ $token == */* ]] || continue
    case $token in
      actor/* | common/* | learner/* | reward_server/* | proto/* | deploy/* | tests/* | ./deploy/* | ./tests/*) ;;
      *) continue ;;
    esac
    for path in $(eval "echo $token"); do
      [[ -e $path || -e $(dirname "$readme")/$path ]] || echo "$readme:$line: $path does not exist"
    done
  done
done >>"$offences"

# --- functions: `name` in `file`, as tables of functions worth reading have it ---
for readme in "${readmes[@]}"; do
  sed -nE 's/^\| (`[a-z_`, ]+`) in `([^`]+)`.*/\2 \1/p' "$readme" | tr -d '`,' | while read -r file names; do
    for name in $names; do
      grep -qE "^[a-z].*\b$name\(" "$file" 2>/dev/null || echo "$readme:1: $file has no function $name"
    done
  done
done >>"$offences"

# --- pages: one that is named exists, and so does the section of it that is named ---
pages=()
for f in "${files[@]}"; do [[ $f == *.md ]] && pages+=("$f"); done
grep -noE '([A-Za-z0-9_{},./-]+/)?[A-Za-z0-9_-]+\.md( section [0-9]+)?' -- "${files[@]}" /dev/null 2>/dev/null | grep -vE '^(deploy/experiments|tests/golden)/.*\.tsv' |
  while IFS=: read -r file line token; do
    page=${token%% section *}
    while [[ $page == */* && ! -e $page && ! -e $(dirname "$file")/$page && ${page#*/} == */* ]]; do page=${page#*/}; done
    [[ -e $page || -e $(dirname "$file")/$page ]] || page=${page##*/}
    found=()
    for p in "${pages[@]}"; do [[ $p == "$page" || $p == */"$page" || $(dirname "$file")/$page == "$p" ]] && found+=("$p"); done
    if [[ ${#found[@]} == 0 ]]; then
      [[ -e $(dirname "$file")/$page ]] || echo "$file:$line: $page is not in the repository"
    elif [[ $token == *" section "* ]]; then
      grep -qhE "^#+ ${token##* }[. ]" "${found[@]}" || echo "$file:$line: $page has no section ${token##* }"
    fi
  done >>"$offences"

# --- version: the changelog has a section of that name ---
version=$(sed -nE 's/^project\(onic VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)
grep -q "^## $version\$" CHANGELOG.md || echo "CHANGELOG.md:1: there is no section '## $version', the version of CMakeLists.txt" >>"$offences"
grep -q "^__version__ = \"$version\"\$" deploy/python/onic/_version.py || echo "deploy/python/onic/_version.py:1: it is not $version, the version of CMakeLists.txt" >>"$offences"

# --- structure ---
python3 deploy/ci/structure.py >"$structure" 2>&1
grep -E '^[^ ]+: ' "$structure" | grep -v '^structure: ' >>"$offences"

# --- seeded bugs: each still fits the sources (tests/mutation/README.md) ---
[[ ! -f tests/mutation/run.py ]] || python3 tests/mutation/run.py --check >>"$offences"

# --- nothing of the machine it was written on ---
grep -nE '(^|[^A-Za-z0-9_.])/(work|home|root)/[a-z]' "${files[@]}" 2>/dev/null | grep -v '^deploy/ci/style.sh' |
  grep -vE '^[^:]*Dockerfile' | sed -E 's/^([^:]+:[0-9]+):.*/\1: a path of one machine/' >>"$offences"

echo "the ten longest functions:"
sort -rn "$lengths" | head -10 | awk '{ printf "  %3d lines  %s  %s\n", $1, $3, $2 }'
grep '^structure: ' "$structure" || { cat "$structure"; exit 70; }
if [[ -s $offences ]]; then
  sort -u "$offences"
  echo "$(sort -u "$offences" | wc -l) offences in ${#sources[@]} sources"
  exit 1
fi
echo "style: ${#sources[@]} sources, no offence"
