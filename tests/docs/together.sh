#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Two builds of the site at once, where mkdocs-material is not installed yet: one installs it, the other waits, and both have a site. And two that fetch the
# same wheel at once: both have it. What is installed is a stand-in, pip as well. ctest: docs/together; needs $ONIC_BUILD.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${ONIC_BUILD:-$root/build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

mkdir "$work/bin"
cat >"$work/bin/python3" <<PYTHON
#!/bin/bash
[[ "\$1 \$2" != "-m pip" ]] || exit 0
[[ "\$1 \$2" == "-m venv" ]] || exec $(command -v python3) "\$@"
mkdir -p "\$3/bin"
printf '#!/bin/bash\necho x >>%q\nsleep 2\n' "$work/installed" >"\$3/bin/pip"
printf '#!/bin/bash\nfor last; do true; done\nout=\${last%%/*}\nmkdir "\$out/busy" || exit 1\nsleep 1\nrmdir "\$out/busy"\nmkdir -p "\$out/site"\nfor i in index {1..9}; do echo x >"\$out/site/\$i.html"; done\n' >"\$3/bin/mkdocs"
chmod +x "\$3/bin/pip" "\$3/bin/mkdocs"
PYTHON
printf '#!/bin/sh\n' >"$work/bin/unzip"
chmod +x "$work/bin/python3" "$work/bin/unzip"
site() { PATH=$work/bin:$PATH ONIC_CACHE=$work/cache "$root/deploy/docs/build.sh" --build="$build" --out="$work/out"; }
site >"$work/one" 2>&1 &
one=$!
site >"$work/two" 2>&1 || fail "the second build: $(tail -3 "$work/two")"
wait $one || fail "the first build: $(tail -3 "$work/one")"
[[ $(wc -l <"$work/installed") == 1 ]] || fail "$(wc -l <"$work/installed") installations at once"
grep -q 'waiting for it' "$work/one" "$work/two" || fail "neither says that it waits"

. "$root/deploy/lib/say.sh"
. "$root/deploy/lib/fetch.sh"
fetch_download() { mkdir -p "$final" && touch "$final/of-another"; } # while this one downloads
fetch_unpack() { mkdir "$2/unpacked" && touch "$2/unpacked/mine"; }
PATH=$work/bin:$PATH ONIC_CACHE=$work/wheels fetch_one "$root" nle 1 none 2>"$work/said" || fail "a wheel that another one fetched meanwhile is not taken: $(cat "$work/said")"
[[ -e $work/wheels/nle-1/of-another && -z $(ls -A "$work/wheels" | grep fetch) ]] || fail "the cache holds $(ls -A "$work/wheels")"
echo passed
