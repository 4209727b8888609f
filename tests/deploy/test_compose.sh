#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# deploy/docker/compose.yaml for real: train, scale 1 -> 3 -> 1, kill an actor, restart the learner, balanced ledger.
# Needs root or an existing docker daemon; starts a private one when there is none. Without a registry the base image comes
# from debootstrap.
set -uo pipefail
source_dir=${ONIC_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$source_dir" || exit 70
. tests/deploy/lib.sh

command -v docker >/dev/null || skip "docker is not installed"
if command -v docker-compose >/dev/null; then
  compose=(docker-compose)
elif docker compose version >/dev/null 2>&1; then
  compose=(docker compose)
else
  skip "docker-compose is not installed"
fi

start_daemon() {
  [[ $(id -u) == 0 ]] && command -v dockerd >/dev/null || skip "no docker daemon answers and none can be started"
  export DOCKER_HOST=unix://$work/docker.sock
  dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/dockerd.pid" --host "$DOCKER_HOST" \
    >"$work/dockerd.log" 2>&1 &
  daemon=$!
  at_exit "stop_process $daemon"
  local i
  for ((i = 0; i < 60; i++)); do
    docker info >/dev/null 2>&1 && return 0
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.5
  done
  skip "dockerd does not start here: $(tail -1 "$work/dockerd.log")"
}
docker info >/dev/null 2>&1 || start_daemon

base=debian:bookworm-slim
if ! docker image inspect $base >/dev/null 2>&1 && ! timeout 60 docker pull -q $base >/dev/null 2>&1; then
  step "no registry: building a base image with debootstrap"
  command -v debootstrap >/dev/null || skip "no registry, and debootstrap is not installed"
  base=onic-test-base:bookworm
  if ! docker image inspect $base >/dev/null 2>&1; then
    debootstrap --variant=minbase bookworm "$work/root" "${ONIC_DEBIAN_MIRROR:-http://deb.debian.org/debian}" \
      >"$work/debootstrap.log" 2>&1 || skip "no registry and no Debian mirror: $(tail -1 "$work/debootstrap.log")"
    tar -C "$work/root" -c . | docker import - $base >/dev/null || fail "docker import"
    rm -rf "$work/root"
  fi
fi

export ONIC_IMAGE=onic-test ONIC_CONFIG=corridor
export ONIC_ARGS="--stop.success=0 --run.frames=1000000000 --checkpoint.every_s=2"
project=onictest$$
compose+=(-p "$project" -f deploy/docker/compose.yaml)
diagnose() { "${compose[@]}" ps; "${compose[@]}" logs --no-color --tail=30; }

step "building the image"
export ONIC_BASE=$base
docker build --build-arg BASE=$base -t $ONIC_IMAGE -f deploy/docker/Dockerfile . >"$work/build.log" 2>&1 ||
  { tail -30 "$work/build.log"; fail "the image does not build"; }

newest() { "${compose[@]}" exec -T learner tail -n 1 /runs/demo/metrics.jsonl 2>/dev/null; }
steps() { newest | json env_steps 2>/dev/null || echo 0; }
past() { [[ $(steps) -gt $1 ]]; }
actors() { "${compose[@]}" ps -q actor | while read -r id; do docker inspect -f '{{.State.Running}}' "$id"; done | grep -c true; }
actors_are() { [[ $(actors) == "$1" ]]; }
scale() { "${compose[@]}" up -d --no-build --no-recreate --scale actor="$1" >>"$work/compose.log" 2>&1; }

at_exit '"${compose[@]}" down -v -t 5'
step "up with one actor"
scale 1 || fail "compose up: $(tail -5 "$work/compose.log")"
wait_for 60 "training" past 0
"${compose[@]}" logs --no-color learner | grep -q 'actor joined.*key=' || fail "the actors have no keys"

step "looking at how the containers are confined"
confined() {
  docker inspect -f '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}} {{.Config.User}} {{.HostConfig.PidsLimit}}' "$1"
}
for id in $("${compose[@]}" ps -q); do
  [[ $(confined "$id") == "true [ALL] [no-new-privileges:true] 10001:10001 512" ]] || fail "a container is not confined: $(confined "$id")"
  [[ $(docker inspect -f '{{.HostConfig.Memory}}' "$id") -gt 0 ]] || fail "a container may take all memory"
done
learner=$("${compose[@]}" ps -q learner)
docker exec "$learner" sh -c 'touch /etc/x /opt/onic/x 2>/dev/null' && fail "the root of a container can be written"
[[ $(docker exec "$learner" find / -xdev -type f -perm /6000) == "" ]] || fail "the image holds setuid programs"

step "one actor -> three"
before=$(steps)
scale 3 || fail "scaling up"
wait_for 30 "three running actors" actors_are 3
wait_for 60 "training with three actors" past "$before"

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

step "three actors -> one"
scale 1 || fail "scaling down"
wait_for 60 "one running actor" actors_are 1
before=$(steps)
wait_for 60 "training with one actor" past "$before"

step "stopping, reading the ledger"
"${compose[@]}" stop >>"$work/compose.log" 2>&1 || fail "compose stop"
ledger=$(docker run --rm -v "${project}_runs:/runs" $ONIC_IMAGE onic ledger /runs/demo --json) || fail "onic ledger"
check_ledger "$ledger"

step "the bill of materials of the image"
deploy/ci/sbom.py --image=$ONIC_IMAGE >"$work/sbom.json" || fail "deploy/ci/sbom.py"
grep -q '"libzmq5"' "$work/sbom.json" || fail "the bill of materials does not name libzmq5"
echo "passed"
