#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Starts or changes a run on the cluster that kubectl talks to: keys, manifests, and waits until it trains.
#
#   deploy/kubernetes/up.sh [OVERLAY] [--image=IMAGE] [--actors=N] [--keys=DIR] [--dry-run]
#
# OVERLAY: base (default), one of overlays/, or a folder of yours. --actors: of the Deployment (default: as the overlay has it, or an autoscaler).
# --keys: folder of keys; those that the cluster has stay, without --keys they are made once and kept in the cluster alone. --dry-run prints the manifests.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
die() { printf 'error: %s\n' "${*:2}" >&2; exit "$1"; }
note() { printf 'note: %s\n' "$*" >&2; }
last_line() { tail -n 1 "$work/said" | cut -c1-200; }

overlay=base image= actors= keys= dry=no
for arg in "$@"; do
  case $arg in
    --image=?*) image=${arg#*=} ;;
    --actors=*) actors=${arg#*=} ;;
    --keys=?*) keys=${arg#*=} ;;
    --dry-run) dry=yes ;;
    -h | --help) sed -n '3,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) die 64 "unknown option $arg; see --help" ;;
    *) overlay=$arg ;;
  esac
done
[[ -z $actors || ($actors =~ ^[0-9]+$ && $actors -le 100000) ]] || die 64 "--actors=$actors is no number of actors, from 0 to 100000"
for folder in "$here/$overlay" "$here/overlays/$overlay" "$overlay" ""; do [[ -f $folder/kustomization.yaml ]] && break; done
[[ -n $folder ]] || die 64 "there is no overlay '$overlay'; there are base $(cd "$here/overlays" && echo *), or a folder with a kustomization.yaml"

# The fields that the manifests use are known since kustomize 5, which is in kubectl since 1.27.
if command -v kustomize >/dev/null; then
  said=$(kustomize version 2>&1) || die 64 "kustomize does not even say its version: ${said##*$'\n'}"
  version=$(grep -oE '[0-9]+\.[0-9]+\.[0-9]+' <<<"$said" | head -1) # none: built from its sources
  [[ -z $version || ${version%%.*} -ge 5 ]] || die 64 "kustomize $version is too old: 5.0 or newer is needed, or kubectl 1.27"
  render() { kustomize build "$1"; }
elif command -v kubectl >/dev/null; then
  said=$(kubectl version --client 2>&1) || die 64 "kubectl does not even say its version: ${said##*$'\n'}"
  version=$(grep -oE 'v?1\.[0-9]+' <<<"$said" | head -1)
  [[ -z $version || ${version#*.} -ge 27 ]] || die 64 "kubectl ${version#v} has a kustomize that is too old: kubectl 1.27 or kustomize 5.0 is needed"
  render() { kubectl kustomize "$1"; }
else
  die 64 "neither kustomize nor kubectl is in PATH: kubectl 1.27 or newer, or 'go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.1', which puts it into ~/go/bin"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
{
  echo "apiVersion: kustomize.config.k8s.io/v1beta1"
  echo "kind: Kustomization"
  echo "resources: ['$(realpath --relative-to="$work" "$folder")']"
  [[ -f $folder/names.yaml ]] && cp "$folder/names.yaml" "$work/" && echo "configurations: [names.yaml]"
  [[ -n $image ]] && printf "images:\n  - {name: onic, newName: '%s'" "${image%%[@]*}" | sed -E "s/newName: '(.*[^:/]):([^:/]+)'$/newName: '\1', newTag: '\2'/"
  [[ -n $image && $image == *@* ]] && printf ", digest: '%s'" "${image#*@}"
  [[ -n $image ]] && echo "}"
  [[ -n $actors ]] && printf 'replicas:\n  - {name: onic-actor, count: %s}\n' "$actors"
} >"$work/kustomization.yaml"
if ! render "$work" >"$work/all.yaml" 2>"$work/said"; then
  [[ -z $actors ]] || ! grep -q 'onic-actor does not match' "$work/said" ||
    die 64 "--actors is for a Deployment, and the actors of '$overlay' are a Job: completions and parallelism there say how many"
  die 64 "the manifests cannot be rendered: $(last_line)"
fi
python=
for each in python3 /usr/bin/python3; do "$each" -c 'import yaml' 2>/dev/null && python=$each && break; done
if [[ -n $python ]]; then
  "$python" "$here/check.py" <"$work/all.yaml" || exit 64
else
  note "the manifests are not looked through: python3-yaml is not installed"
fi
if [[ $dry == yes ]]; then
  cat "$work/all.yaml"
  exit 0
fi

command -v kubectl >/dev/null || die 64 "kubectl is not installed; --dry-run prints the manifests"
kubectl version >"$work/said" 2>&1 ||
  die 64 "kubectl reaches no cluster ($(tail -1 "$work/said" | cut -c1-160)): is KUBECONFIG or ~/.kube/config that of yours? --dry-run prints the manifests"
in_onic() { kubectl -n onic "$@"; }

# A volume that nobody provides is waited for in silence. Who may not ask for classes (they are the cluster's) goes on.
if ! in_onic get pvc -o name >"$work/claims" 2>"$work/said"; then
  note "whether the run has its volumes is not known: $(last_line)"
elif ! grep -q runs "$work/claims" && ! grep -q storageClassName "$work/all.yaml"; then
  if ! kubectl get storageclass -o yaml >"$work/classes" 2>"$work/said"; then
    note "whether somebody provides volumes is not known: $(last_line)"
  elif ! grep -q 'is-default-class: "true"' "$work/classes"; then
    die 64 "the cluster has no default StorageClass, so the run would wait for its volume for ever: make one the default, or name one in volumeClaimTemplates"
  fi
fi

# secret ROLE FILE...: of the folder of keys, as a Secret.
secret() {
  local role=$1 file
  shift
  printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: onic-%s-keys, namespace: onic}\ndata:\n' "$role"
  for file in "$role.key" "$@"; do printf '  %s: %s\n' "$file" "$(base64 -w0 <"$keys/$file")"; done
  echo ---
}
if [[ -z $keys ]]; then # a question that failed is no "none": new keys would shut the running parts out
  have=$(in_onic get secret onic-learner-keys onic-reward-server-keys onic-actor-keys --ignore-not-found -o name 2>"$work/said") ||
    die 75 "the cluster does not say whether it has keys ($(last_line)); try again, or give --keys=DIR"
  have=$(grep -c . <<<"$have" || true)
  ((have == 0 || have == 3)) || die 74 "the cluster has $have of the three secrets of keys: give --keys=DIR, or remove them (kubectl -n onic delete secret ...)"
fi
if [[ -n $keys || $have == 0 ]]; then
  onic=$(command -v onic || ls "$here/../../build/onic" "$here/../../../bin/onic" 2>/dev/null | head -1)
  if [[ -z $keys ]]; then
    keys=$work/keys
    [[ -n $onic ]] || die 64 "onic, which makes the keys, is not built: ./deploy/quickstart.sh, or give --keys=DIR"
    "$onic" keygen "$keys" >/dev/null || exit
  fi
  for file in {learner,actor,reward-server,observer}.{key,allow}; do
    [[ -s $keys/$file ]] || die 64 "$keys has no $file; onic keygen $keys makes a folder of keys"
  done
  kubectl create namespace onic --save-config >/dev/null 2>"$work/namespace" # may be there
  { secret learner actor.allow reward-server.allow observer.allow learner.allow
    secret reward-server learner.allow observer.allow reward-server.allow
    secret actor learner.allow; } | kubectl apply -f - >/dev/null 2>"$work/said" ||
    die 74 "the keys cannot be given to the cluster: $(grep -vh 'already exists' "$work/namespace" "$work/said" | head -1 | cut -c1-200)"
fi

# why_not POD: its last word, else the newest event, else what kubectl said.
why_not() {
  local said
  said=$(in_onic logs "$1" --tail=1 2>/dev/null)
  [[ -n $said ]] || said=$(in_onic get events --sort-by=.lastTimestamp 2>/dev/null | tail -1)
  echo "${said:-$(last_line)}"
}
kubectl apply -f "$work/all.yaml" >"$work/said" 2>&1 ||
  die 64 "the cluster refuses it: $( (grep -m1 -iE 'error|invalid|forbidden' "$work/said" || last_line) | cut -c1-300)"
cat "$work/said"
for what in $(sed -n '/^kind: StatefulSet/,/^---/s/^  name: //p' "$work/all.yaml"); do
  in_onic rollout status "statefulset/$what" --timeout=300s 2>"$work/said" ||
    die 75 "$what is not ready: $(why_not "$what-0")"
done
