#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The pods of deploy/kubernetes for real, without a cluster: `up.sh` gives its manifests and keys to a kubectl that writes them down, and podman plays the
# pods (tests/deploy/kubernetes/pods.py says what it cannot). Trains with keys, probes, more actors and fewer, one killed, a rolling restart of the learner's
# pod at a new address: nothing unaccounted for, in less than 15 s. Needs root, docker (to build the image), podman.
set -uo pipefail
source_dir=${ONIC_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$source_dir" || exit 70
. tests/deploy/lib.sh
. tests/deploy/image.sh
. tests/deploy/kubernetes/tools.sh

[[ $(id -u) == 0 ]] || skip "podman is run as root here"
command -v podman >/dev/null || skip "podman is not installed"
tool_kustomize
tool_schemas
python=$validate/python3
docker_start
docker_image onic-test

step "a podman of its own"
mkdir -p "$work/podman" "$work/net"
cat >"$work/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "$work/net"
CONF
printf '[storage]\ndriver = "%s"\nrunroot = "%s"\ngraphroot = "%s"\n' "${ONIC_PODMAN_DRIVER:-overlay}" "$work/podman/run" "$work/podman/data" >"$work/storage.conf"
export CONTAINERS_CONF=$work/containers.conf CONTAINERS_STORAGE_CONF=$work/storage.conf
at_exit 'podman pod rm -fa -t 5; podman network rm -f onicnet; podman volume rm -fa; umount -R "$work"/podman/data/overlay'
podman load -q -i "$tools/onic.tar" >"$work/said" 2>&1 || skip "podman does not run here: $(tail -1 "$work/said")"
podman tag "$(podman images -q | head -1)" localhost/onic:test
podman run --rm localhost/onic:test onic --version >"$work/said" 2>&1 || skip "podman runs no container here: $(tail -1 "$work/said")"
podman network create onicnet >/dev/null || fail "podman network"

step "up.sh, and what it gives to kubectl"
mkdir -p "$work/bin"
cat >"$work/bin/kubectl" <<'KUBECTL'
#!/bin/sh
case "$*" in
  *"get storageclass"*) echo 'storageclass.kubernetes.io/is-default-class: "true"' ;;
  "apply -f -") cat >"$KUBECTL_GOT/secrets.yaml" ;;
  "apply -f "*) cp "$3" "$KUBECTL_GOT/all.yaml" ;;
esac
KUBECTL
chmod +x "$work/bin/kubectl"
export KUBECTL_GOT=$work
mkdir "$work/mine"
cat >"$work/mine/kustomization.yaml" <<YAML
kind: Kustomization
namespace: onic
resources: ["$(realpath --relative-to="$work/mine" deploy/kubernetes/base)"]
configMapGenerator: [{name: onic-run, behavior: merge, files: [run.yaml]}]
patches: # what fits a small machine
  - target: {kind: StatefulSet}
    patch: '[{"op": "replace", "path": "/spec/template/spec/containers/0/resources/requests/cpu", "value": "100m"}]'
YAML
printf 'env: {id: corridor}\nannotator: {id: rules}\nrun: {frames: 1000000000}\nstop: {success: 0}\ncheckpoint: {every_s: 5}\ntrain: {threads: 1}\nmetrics: {every_s: 0.5}\n' >"$work/mine/run.yaml"
PATH=${ONIC_BUILD:-$PWD/build}:$PATH deploy/kubernetes/up.sh "$work/mine" --image=localhost/onic:test --actors=2 >"$work/up.log" 2>&1 || fail "up.sh: $(tail -3 "$work/up.log")"
mkdir "$work/keys"
"$python" tests/deploy/kubernetes/pods.py --secrets "$work/keys" <"$work/secrets.yaml" || fail "the Secrets"
pods() { "$python" tests/deploy/kubernetes/pods.py "$work/keys" "$@" <"$work/all.yaml"; }
play() { podman play kube -q --network onicnet "$1" >>"$work/play.log" 2>&1; }
pods ConfigMap onic-reward-server >"$work/reward-server.yaml"
pods ConfigMap onic-learner >"$work/learner.yaml"
pods onic-actor >"$work/actor.yaml"
diagnose() { podman ps -a; tail -5 "$work/play.log"; for c in $(podman ps -aq); do podman logs --tail 8 "$c"; done; }
play "$work/reward-server.yaml" || fail "the reward server's pod: $(tail -2 "$work/play.log")"
play "$work/learner.yaml" || fail "the learner's pod: $(tail -2 "$work/play.log")"
play "$work/actor.yaml" || fail "the actors' pods: $(tail -2 "$work/play.log")"

learner=onic-learner-learner
data=$(podman volume inspect -f '{{.Mountpoint}}' runs-onic-learner-0)/run || fail "the learner has no volume"
steps() { tail -n 1 "$data/metrics.jsonl" 2>/dev/null | json env_steps 2>/dev/null || echo 0; }
past() { [[ $(steps) -gt $1 ]]; }
wait_for 90 "training" past 0

step "probes, keys and confinement"
wait_for 30 "a learner that is ready" podman exec $learner onic healthcheck 127.0.0.1:9400 --ready
wait_for 30 "a reward server that is ready" podman exec onic-reward-server-reward-server onic healthcheck 127.0.0.1:9401 --ready
[[ $(podman inspect -f '{{.Config.Healthcheck.Test}}' $learner) == *"onic healthcheck 127.0.0.1:9400"* ]] || fail "no probe: $(podman inspect -f '{{.Config.Healthcheck.Test}}' $learner)"
wait_for 30 "the probe" podman healthcheck run $learner
podman logs $learner 2>&1 | says 'actor joined.*key=' || fail "the actors have no keys"
[[ $(podman inspect -f '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.Memory}} {{.Config.User}}' $learner) == "true 8589934592 10001"* ]] ||
  fail "not confined: $(podman inspect -f '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.Memory}} {{.Config.User}}' $learner)"
podman exec $learner grep -q '^CapEff:.*0000000000000000$' /proc/1/status || fail "the learner has capabilities"
podman exec $learner touch /etc/x 2>/dev/null && fail "the root can be written"

step "two actors -> three, and one of them killed"
third() { sed 's/replicas: 2/replicas: 3/' "$work/actor.yaml" | sed 's/name: onic-actor$/name: onic-more/'; }
third >"$work/more.yaml"
play "$work/more.yaml" || fail "more actors: $(tail -2 "$work/play.log")"
joined() { [[ $(podman logs $learner 2>&1 | grep -c 'actor joined') -ge $1 ]]; }
wait_for 60 "five actors" joined 5
before=$(steps)
kill -9 "$(podman inspect -f '{{.State.Pid}}' onic-actor-pod-0-actor)" || fail "cannot kill an actor"
wait_for 60 "the actor that was killed is back" joined 6
wait_for 60 "training after the kill" past "$before"
podman play kube --down "$work/more.yaml" >>"$work/play.log" 2>&1
before=$(steps)
wait_for 60 "training with two actors" past "$before"

step "a rolling restart of the learner's pod"
address() { podman inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$(podman pod inspect -f '{{.InfraContainerID}}' onic-learner)"; }
ledger_now() { podman exec $learner onic ledger /runs/run --json; }
# restart [squat]: the learner's pod, at a new address with squat; $took: from its stop to the next step that is trained.
restart() {
  local drained old lost begin stopped
  old=$(address) lost=$(ledger_now | json trajectories.lost)
  begin=$(date +%s.%N)
  podman pod stop -t 60 onic-learner >>"$work/play.log" 2>&1 || fail "the learner does not stop"
  stopped=$(date +%s.%N)
  podman pod rm -f onic-learner >>"$work/play.log" 2>&1
  drained=$(steps)
  if [[ ${1:-} == squat ]]; then # another pod has its address now
    squatter=$(podman run -d --network onicnet localhost/onic:test sleep 600)
    at_exit "podman rm -ft 1 $squatter"
  fi
  play "$work/learner.yaml" || fail "the learner's pod again: $(tail -2 "$work/play.log")"
  wait_for 120 "training after the restart" past "$drained"
  took=$(bc -l <<<"$(date +%s.%N) - $begin")
  printf 'the restart took %.1f s (%.1f s until it had drained), %s -> %s\n' "$took" "$(bc -l <<<"$stopped - $begin")" "$old" "$(address)"
  [[ ${1:-} != squat || $(address) != "$old" ]] || fail "the learner has its old address $old"
  check_ledger "$(ledger_now)"
  [[ $(ledger_now | json trajectories.lost) == "$lost" ]] || fail "the restart lost trajectories: $lost, then $(ledger_now | json trajectories.lost)"
}
short() { [[ $(bc -l <<<"$took < 15") == 1 ]]; }
# What others do on this machine makes a restart longer, never shorter: one of three is short enough.
restart squat
short || restart
short || restart
short || fail "a restart of the learner's pod takes 15 s or more: $took s"

step "the end"
podman pod stop -t 60 onic-learner >>"$work/play.log" 2>&1
ledger=$(podman run --rm -v runs-onic-learner-0:/runs localhost/onic:test onic ledger /runs/run --json) || fail "onic ledger"
check_ledger "$ledger"
[[ $(json trajectories.in_flight <<<"$ledger") == 0 ]] || fail "something is in flight at the end"
echo "passed"
