#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# deploy/kubernetes/up.sh and check.py with stand-ins for kustomize and kubectl: what they make of mistakes, of a cluster that does not answer, and of manifests
# that Kubernetes would take and onic would suffer from. tests/deploy/test_kubernetes.sh has the real kustomize. Needs python3-yaml.
set -uo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
export PATH=${ONIC_BUILD:-$root/build}:$PATH
. "$root/tests/deploy/lib.sh"
python=
for each in python3 /usr/bin/python3; do "$each" -c 'import yaml' 2>/dev/null && python=$each && break; done
[[ -n $python ]] || skip "python3-yaml is not installed"
check() { "$python" "$root/deploy/kubernetes/check.py"; }
up() { PATH=$work/bin:$PATH "$root/deploy/kubernetes/up.sh" "$@"; }

# ends CODE TEXT COMMAND...: it ends so; of what it says a line holds the text. ends_in_a_line: and says no more.
ends() {
  local code=$1 text=$2 rc
  shift 2
  "$@" >"$work/out" 2>"$work/err"
  rc=$?
  [[ $rc == "$code" ]] && grep -qF -- "$text" "$work/err" || fail "not exit $code and '$text' but $rc: $(cat "$work/err")"
}
ends_in_a_line() { ends "$@"; [[ $(wc -l <"$work/err") == 1 ]] || fail "more than a line: $(cat "$work/err")"; }

step "disruptions"
labels() { echo "{app.kubernetes.io/name: onic, app.kubernetes.io/component: $1}"; }
# pod COMPONENT PROGRAM [GRACE]: a template.
pod() {
  echo "{metadata: {labels: $(labels "$1")}, spec: {terminationGracePeriodSeconds: ${3:-60}, containers: [{name: x, args: [$2], resources: {limits: {memory: 1Gi}},
    securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false}, volumeMounts: [{name: runs, mountPath: /runs}]}], volumes: [{name: runs}]}}"
}
# thing KIND REPLICAS COMPONENT PROGRAM [MORE [GRACE]]
thing() { echo "{kind: $1, metadata: {name: a}, spec: {${2:+replicas: $2, }${5:-}template: $(pod "$3" "$4" "${6:-}")}}"; }
budget() { echo "{kind: PodDisruptionBudget, metadata: {name: b}, spec: {$1, selector: {matchLabels: $(labels "${2:-actor}")}}}"; }
takes() { printf '%s\n---\n' "$@" | check >"$work/said" 2>&1 || fail "$* is refused: $(cat "$work/said")"; }
refuses() {
  local text=$1
  shift
  printf '%s\n---\n' "$@" >"$work/manifests"
  ends_in_a_line 1 "$text" check <"$work/manifests"
}
actors=$(thing Deployment 4 actor onic-actor)
takes "$actors" "$(budget 'maxUnavailable: 50%')"
takes "$(thing Deployment 1 actor onic-actor)" "$(budget 'maxUnavailable: 50%')"
takes "$(thing Deployment '' actor onic-actor)" "$(budget 'minAvailable: 2')"
takes "$(thing Deployment 0 actor onic-actor)" "$(budget 'minAvailable: 2')"
takes "$(thing Job '' actor onic-actor)" "$(budget 'minAvailable: 4')"
takes "$(thing StatefulSet 1 learner onic-learner)" "$(thing Deployment 1 actor onic-actor)"
refuses "no PodDisruptionBudget selects its pods" "$actors"
refuses "no PodDisruptionBudget selects its pods" "$(thing Deployment '' actor onic-actor)" # an autoscaler's
refuses "PodDisruptionBudget b: selects no pod of these manifests" "$(budget 'maxUnavailable: 50%')"
refuses "PodDisruptionBudget b: of Job a no share is known" "$(thing Job '' actor onic-actor)" "$(budget 'maxUnavailable: 50%')"
refuses "PodDisruptionBudget b: of JobSet a no share is known" "{kind: JobSet, metadata: {name: a}, spec: {replicatedJobs: [{template: {spec: {template: $(pod actor onic-actor)}}}]}}" \
  "$(budget 'minAvailable: 50%')"
refuses "lets none of the pods of Deployment a go" "$actors" "$(budget 'maxUnavailable: 0')"
refuses "lets none of the pods of Deployment a go" "$actors" "$(budget 'minAvailable: 4')"
refuses "lets none of the pods of Deployment a go" "$(thing Deployment '' actor onic-actor)" "$(budget 'minAvailable: 100%')"
refuses "lets none of the pods of StatefulSet a go" "$(thing StatefulSet 1 learner onic-learner)" "$(budget 'minAvailable: 50%' learner)"
refuses "a rollout would start a second one beside the first" "$(thing Deployment 1 learner onic-learner)"
takes "$(thing Deployment 1 learner onic-learner 'strategy: {type: Recreate}, ')"
refuses "terminationGracePeriodSeconds is 5" "$(thing StatefulSet 1 learner onic-learner '' 5)"

step "limits, volumes, how many"
refuses "Deployment a: container x has no limit of memory" "$(thing Deployment 1 actor onic-actor | sed 's/resources: {limits: {memory: 1Gi}},//')"
refuses "volume runs, which container x mounts at /runs, does not exist" "$(thing StatefulSet 1 learner onic-learner | sed 's/, volumes: \[{name: runs}\]//')"
refuses "onic-learner has no volume at /runs" "$(thing StatefulSet 1 learner onic-learner | sed 's/, volumeMounts: \[[^]]*\]//')"
refuses "2 of it would be as many runs" "$(thing StatefulSet 2 learner onic-learner)"
refuses "replicas is -1, must be a whole number from 0" "$(thing Deployment -1 actor onic-actor)"

step "a cluster that does not answer, or not all"
mkdir "$work/bin" "$work/overlay"
touch "$work/overlay/kustomization.yaml"
thing StatefulSet 1 learner onic-learner | "$python" -c 'import sys, yaml; yaml.safe_dump(yaml.safe_load(sys.stdin), sys.stdout)' >"$work/rendered"
printf '#!/bin/sh\n[ "$1" = version ] && echo "v5.8.1" && exit\n[ -e %q ] && cat "$WORK/failure" >&2 && exit 1\ncat %q\n' "$work/failure" "$work/rendered" >"$work/bin/kustomize"
cat >"$work/bin/kubectl" <<'KUBECTL'
#!/bin/sh
echo "$*" >>"$WORK/asked"
for word in $FAILS; do
  case "$*" in *"$word"*) echo "Error from server: etcdserver: request timed out" >&2; exit 1 ;; esac
done
case "$*" in
  *"get secret"*) [ -z "$SECRETS" ] || printf "$SECRETS" ;;
  *"get storageclass"*) echo "storageclass.kubernetes.io/is-default-class: \"${DEFAULT:-true}\"" ;;
  "apply -f -") cat >"$WORK/secrets" ;;
esac
KUBECTL
chmod +x "$work/bin/kustomize" "$work/bin/kubectl"
export WORK=$work FAILS= SECRETS= DEFAULT=
up "$work/overlay" >"$work/said" 2>&1 && grep -q 'name: onic-actor-keys' "$work/secrets" || fail "nothing wrong, and yet: $(cat "$work/said")"
: >"$work/asked"
FAILS=secret ends_in_a_line 75 "does not say whether it has keys (Error from server: etcdserver: request timed out)" up "$work/overlay"
grep -q apply "$work/asked" && fail "without an answer something was applied: $(cat "$work/asked")"
FAILS=
SECRETS='a\nb\n' ends_in_a_line 74 "has 2 of the three secrets" up "$work/overlay"
DEFAULT=false ends_in_a_line 64 "no default StorageClass" up "$work/overlay"
FAILS=storageclass ends 0 "whether somebody provides volumes is not known: Error from server" up "$work/overlay"
FAILS=pvc ends 0 "whether the run has its volumes is not known" up "$work/overlay"
FAILS="apply" ends_in_a_line 74 "the keys cannot be given to the cluster: Error from server" up "$work/overlay"
SECRETS='a\nb\nc\n' FAILS="apply" ends_in_a_line 64 "the cluster refuses it: Error from server" up "$work/overlay"
FAILS=rollout ends_in_a_line 75 "a is not ready: Error from server" up "$work/overlay"

step "mistakes"
: >"$work/asked"
ends_in_a_line 64 "--actors=many is no number of actors" up "$work/overlay" --actors=many
ends_in_a_line 64 "there is no overlay" up nope
echo "Error: resource with name onic-actor does not match a config with the following GVK" >"$work/failure"
ends_in_a_line 64 "the actors of '$work/overlay' are a Job" up "$work/overlay" --actors=4
ends_in_a_line 64 "the manifests cannot be rendered: Error: resource" up "$work/overlay"
rm "$work/failure"
mkdir "$work/keys"
ends_in_a_line 64 "has no learner.key; onic keygen" up "$work/overlay" --keys="$work/keys"
FAILS=version ends_in_a_line 64 "kubectl reaches no cluster (Error from server" up "$work/overlay" # no kubeconfig, or that of another
thing StatefulSet 1 learner onic-learner | sed 's/resources: {limits: {memory: 1Gi}},//' >"$work/rendered"
ends_in_a_line 64 "container x has no limit of memory" up "$work/overlay"
grep -q apply "$work/asked" && fail "a mistake, and yet something was applied: $(cat "$work/asked")"
mkdir "$work/broken" "$work/old" "$work/older"
printf '#!/bin/sh\necho "{Version:kustomize/v3.8.7 GitCommit:x}"\n' >"$work/old/kustomize" && chmod +x "$work/old/kustomize"
ends_in_a_line 64 "kustomize 3.8.7 is too old: 5.0 or newer is needed" env PATH="$work/old:$PATH" "$root/deploy/kubernetes/up.sh" --dry-run
printf '#!/bin/sh\necho "Client Version: v1.26.4"\n' >"$work/older/kubectl" && chmod +x "$work/older/kubectl"
if ! PATH=/usr/bin:/bin command -v kustomize >/dev/null; then
  ends_in_a_line 64 "kubectl 1.26 has a kustomize that is too old" env PATH="$work/older:/usr/bin:/bin" "$root/deploy/kubernetes/up.sh" --dry-run
  PATH=/usr/bin:/bin command -v kubectl >/dev/null ||
    ends_in_a_line 64 "neither kustomize nor kubectl is in PATH: kubectl 1.27 or newer, or 'go install" env PATH=/usr/bin:/bin "$root/deploy/kubernetes/up.sh" --dry-run
fi
printf '#!/bin/sh\necho "cannot execute" >&2\nexit 126\n' >"$work/broken/kustomize" && chmod +x "$work/broken/kustomize"
ends_in_a_line 64 "kustomize does not even say its version: cannot execute" env PATH="$work/broken:$PATH" "$root/deploy/kubernetes/up.sh" --dry-run

step "a Job that is asked to stop while its program starts"
printf 'trap '"'"'case $BASH_COMMAND in child=\$!) trap - DEBUG; touch %q; kill -TERM $BASHPID;; esac'"'"' DEBUG\n' "$work/struck" >"$work/strike"
BASH_ENV=$work/strike timeout 60 "$root/deploy/docker/onic-job" sleep 600
[[ $? == 143 && -e $work/struck ]] || fail "a program that was being started was not told to stop"
echo passed
