#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The site of the documentation is built by its one command, its links are whole; a link that is broken
# is found. ctest: docs/site; needs $ONIC_BUILD. Exits 77 where mkdocs-material cannot be had.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${ONIC_BUILD:-$root/build}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

there=$(ls -d "${ONIC_CACHE:-$root/build/cache}"/docs-*/complete 2>/dev/null)
"$root/deploy/docs/build.sh" --build="$build" --out="$out" >"$out/said" || exit $?
# What it computed, as this machine may be busy: a site is built in less than 30 s. Without what is installed once.
LC_ALL=C        # its decimal points
times >"$out/times" # not in a subshell, which has children of its own
cpu=$(sed -nE '2s/([0-9]+)m([0-9]+)\.[0-9]+s ([0-9]+)m([0-9]+).*/60 * (\1 + \3) + \2 + \4/p' "$out/times")
[[ -n $cpu ]] || fail "times says something else: $(cat "$out/times")"
echo "the site took $((cpu)) s of a core"
[[ -z $there || $((cpu)) -lt 30 ]] || fail "the site takes $((cpu)) s to build"
index=$(tail -n 1 "$out/said")
[[ -s $index ]] || fail "there is no page $index"
grep -q 'KeyCorridor' "$out/site/search/search_index.js" || fail "search does not know KeyCorridor"
for page in deploy/docs/operations deploy/docs/reference/commands deploy/docs/reference/metrics learner/reward/index deploy/options; do
  [[ -s $out/site/$page.html ]] || fail "the site has no page $page"
done
grep -q 'onic_env_steps_total' "$out/site/deploy/docs/reference/metrics.html" || fail "the page of metrics was not made of the code"
grep -q 'usage: onic train' "$out/site/deploy/docs/reference/commands.html" || fail "the page of commands was not made of --help"
grep -rqE 'src="?https?:' "$out/site" --include='*.html' && fail "a page loads something from elsewhere"
if command -v chromium >/dev/null; then # search, opened as a file
  chromium --headless=new --no-sandbox --disable-gpu --virtual-time-budget=20000 --user-data-dir="$out/profile" \
    --dump-dom "file://$index?q=canaries" >"$out/dom" 2>/dev/null
  grep -q 'md-search-result__item' "$out/dom" || fail "a search for 'canaries' finds nothing in a site that is opened as a file"
fi
printf '<a href="no-such-page.html">x</a>' >>"$out/site/index.html"
python3 "$root/deploy/docs/links.py" "$out/site" >"$out/links" && fail "a broken link of the site was not found"
grep -q 'no-such-page.html leads to no file' "$out/links" || fail "links.py says something else: $(cat "$out/links")"
echo "built: $index"
