#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# deploy/kubernetes without a cluster: the real kustomize renders every overlay, the schemas of Kubernetes, KEDA and Prometheus' operator take all of it,
# mistakes get their sentences, and a program as a Job ends as a Job wants it.
set -uo pipefail
source_dir=${ONIC_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$source_dir" || exit 70
. tests/deploy/lib.sh
. tests/deploy/kubernetes/tools.sh

tool_kustomize
tool_schemas
tool_models
up=deploy/kubernetes/up.sh
python=$validate/python3
sed "1s|.*|#!$python|" deploy/kubernetes/check.py >"$work/bin/check" && chmod +x "$work/bin/check"

for overlay in base spot keda hpa job jobset; do
  step "overlay $overlay"
  $up $overlay --dry-run --image=registry.example:5000/onic:0.2.0 >"$work/$overlay.yaml" || fail "$overlay is not rendered"
  [[ $(grep -c 'image: registry.example:5000/onic:0.2.0$' "$work/$overlay.yaml") == 3 ]] || fail "$overlay: not every container has the image"
  "$validate/kubernetes-validate" --strict --no-warn "$work/$overlay.yaml" >"$work/said" 2>&1 || fail "$(grep -v passed "$work/said" | head -5)"
  node tests/deploy/kubernetes/models.mjs "$models" "$work/$overlay.yaml" >>"$work/said" 2>&1 || fail "$(grep FAILED "$work/said")"
  "$work/bin/check" <"$work/$overlay.yaml" || fail "$overlay"
  case $overlay in
    spot | keda) grep -q '^ScaledObject onic-actor' "$work/said" && grep -q '^PodMonitor onic' "$work/said" || fail "$overlay: $(cat "$work/said")" ;;
    hpa) grep -q horizontalpodautoscaler/onic-actor "$work/said" || fail "no autoscaler" ;;
    job) grep -q 'queue-name: onic' "$work/job.yaml" && ! grep -q 'kind: Deployment' "$work/job.yaml" || fail "the actors are no Job of a queue" ;;
    jobset)
      "$python" tests/deploy/kubernetes/jobs_of_set.py <"$work/jobset.yaml" >"$work/jobs.yaml" || fail "the set"
      "$validate/kubernetes-validate" --strict "$work/jobs.yaml" >"$work/said" 2>&1 || fail "$(grep -v passed "$work/said" | head -5)"
      [[ $(grep -c passed "$work/said") == 3 ]] || fail "not three jobs: $(cat "$work/said")"
      ;;
  esac
done

step "the metric that scales is one that a learner has"
for metric in $(grep -oh 'onic_[a-z_]*' deploy/kubernetes/components/keda/scaledobject.yaml deploy/kubernetes/components/hpa/hpa.yaml | grep _total | sort -u); do
  grep -q "\`$metric\`" deploy/monitoring/metrics.md || fail "nothing says $metric"
done

# said CODE TEXT COMMAND...: it fails so, in one line.
said() {
  local code=$1 text=$2 rc
  shift 2
  "$@" >"$work/out" 2>"$work/err"
  rc=$?
  [[ $rc == "$code" && $(wc -l <"$work/err") == 1 ]] && grep -qF -- "$text" "$work/err" || fail "not exit $code and '$text' but $rc: $(cat "$work/err")"
}
step "mistakes"
said 64 "--actors=-1 is no number of actors" $up --actors=-1
said 64 "there is no overlay 'spott'" $up spott
said 64 "the actors of 'job' are a Job" $up job --actors=4 --dry-run
mkdir -p "$work/old" "$work/none"
printf '#!/bin/sh\necho "{Version:kustomize/v3.8.7 GitCommit:x}"\n' >"$work/old/kustomize" && chmod +x "$work/old/kustomize"
said 64 "kustomize 3.8.7 is too old" env PATH="$work/old:$PATH" $up --dry-run
printf '#!/bin/sh\n[ "$2" = --client ] && echo "Client Version: v1.31.0" && exit\necho "Unable to connect to the server" >&2\nexit 1\n' >"$work/none/kubectl" && chmod +x "$work/none/kubectl"
said 64 "kubectl reaches no cluster (Unable to connect to the server)" env PATH="$work/none:$PATH" $up
# mine PATCH: an overlay of a user.
mine() {
  rm -rf "$work/mine" && mkdir "$work/mine"
  printf 'kind: Kustomization\nresources: ["%s"]\npatches:\n%s\n' "$(realpath --relative-to="$work/mine" deploy/kubernetes/base)" "$1" >"$work/mine/kustomization.yaml"
  kustomize build "$work/mine" >"$work/mine.yaml" || fail "the overlay is not rendered"
}
refused() { said 1 "$1" "$work/bin/check" <"$work/mine.yaml"; }
mine '  - {target: {kind: Deployment}, patch: "[{\"op\": \"remove\", \"path\": \"/spec/template/spec/containers/0/resources/limits\"}]"}'
refused "Deployment onic-actor: container actor has no limit of memory"
mine '  - {target: {name: onic-learner, kind: StatefulSet}, patch: "[{\"op\": \"replace\", \"path\": \"/spec/replicas\", \"value\": 2}]"}'
refused "StatefulSet onic-learner: 2 of it would be as many runs"
mine '  - {target: {name: onic-learner, kind: StatefulSet}, patch: "[{\"op\": \"remove\", \"path\": \"/spec/volumeClaimTemplates\"}]"}'
refused "volume runs, which container learner mounts at /runs, does not exist"
mine '  - {target: {kind: PodDisruptionBudget}, patch: "[{\"op\": \"replace\", \"path\": \"/spec/maxUnavailable\", \"value\": 0}]"}'
refused "lets none of the pods of Deployment onic-actor go"
mine '  - {target: {kind: PodDisruptionBudget}, patch: "{$patch: delete, apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: any}}"}'
refused "Deployment onic-actor: no PodDisruptionBudget selects its pods"

step "a program as a Job"
job=deploy/docker/onic-job
$job bash -c 'exit 3'
[[ $? == 3 ]] || fail "an exit code is lost"
$job true || fail "what is done is not done"
printf '#!/usr/bin/env bash\ntrap "exit 0" TERM\ntouch %q\nwhile true; do sleep 0.1; done\n' "$work/up" >"$work/bin/drains" && chmod +x "$work/bin/drains"
for how in "" --again; do
  rm -f "$work/up"
  $job $how "$work/bin/drains" &
  pid=$!
  wait_for 10 "the program" test -e "$work/up"
  kill -TERM $pid
  wait $pid
  [[ $? == 75 ]] || fail "a program that drained counts as done"
done
$job --again bash -c "echo x >>$work/lives; [[ \$(wc -l <$work/lives) -lt 3 ]] || exit 64"
[[ $? == 64 && $(wc -l <"$work/lives") == 3 ]] || fail "a program that was sent home does not come back"
echo "passed"
