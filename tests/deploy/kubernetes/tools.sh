# SPDX-License-Identifier: MIT
# Sourced by tests/deploy/test_kubernetes*.sh: real tools of Kubernetes, fetched once into build/deploy-tools by the clients of their registries.
# Versions are pinned; what cannot be had skips what needs it.

KUSTOMIZE_VERSION=v5.8.1       # Go module sigs.k8s.io/kustomize/kustomize/v5
KUBERNETES_VALIDATE=1.37.0     # PyPI: the JSON schemas of Kubernetes, strict
KUBERNETES_MODELS="@kubernetes-models/keda@2.0.0 @kubernetes-models/prometheus-operator@6.0.0" # npm: schemas of what is no part of Kubernetes
tools=${ONIC_DEPLOY_TOOLS:-${ONIC_BUILD:-build}/deploy-tools}

tool_kustomize() {
  command -v go >/dev/null || skip "kustomize is built by Go, which is not installed"
  if [[ ! -x $tools/kustomize-$KUSTOMIZE_VERSION ]]; then
    mkdir -p "$tools"
    GOBIN=$(realpath "$tools")/go GOFLAGS=-p=2 go install "sigs.k8s.io/kustomize/kustomize/v5@$KUSTOMIZE_VERSION" >"$work/go.log" 2>&1 ||
      skip "kustomize cannot be built: $(tail -1 "$work/go.log")"
    mv "$tools/go/kustomize" "$tools/kustomize-$KUSTOMIZE_VERSION"
  fi
  mkdir -p "$work/bin" && ln -sf "$(realpath "$tools/kustomize-$KUSTOMIZE_VERSION")" "$work/bin/kustomize"
  PATH=$work/bin:$PATH
}

tool_schemas() {
  if [[ ! -x $tools/validate-$KUBERNETES_VALIDATE/bin/kubernetes-validate ]]; then
    python3 -m venv "$tools/validate-$KUBERNETES_VALIDATE" >"$work/pip.log" 2>&1 &&
      "$tools/validate-$KUBERNETES_VALIDATE/bin/pip" install -q "kubernetes-validate==$KUBERNETES_VALIDATE" >"$work/pip.log" 2>&1 ||
      { rm -rf "$tools/validate-$KUBERNETES_VALIDATE"; skip "kubernetes-validate cannot be had: $(tail -1 "$work/pip.log")"; }
  fi
  validate=$(realpath "$tools/validate-$KUBERNETES_VALIDATE/bin")
}

tool_models() {
  if [[ ! -d $tools/models/node_modules ]]; then
    mkdir -p "$tools/models"
    (cd "$tools/models" && npm install --ignore-scripts --no-audit --no-fund $KUBERNETES_MODELS js-yaml@4) >"$work/npm.log" 2>&1 ||
      { rm -rf "$tools/models"; skip "the schemas of KEDA cannot be had: $(tail -1 "$work/npm.log")"; }
  fi
  models=$(realpath "$tools/models")
}
