#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What Kubernetes would take and onic would suffer from: looks through rendered manifests, one sentence each; exit code 1.

    kustomize build OVERLAY | deploy/kubernetes/check.py
"""
import math
import sys

try:
    import yaml
except ImportError:
    sys.exit("error: python3-yaml is not installed (apt-get install python3-yaml)")


def pods(value, path=()):
    """Every pod of a document, whatever it is in."""
    if isinstance(value, dict):
        if isinstance(value.get("containers"), list):
            yield value
        for child in value.values():
            yield from pods(child)
    elif isinstance(value, list):
        for child in value:
            yield from pods(child)


SCALED = ("Deployment", "StatefulSet", "ReplicaSet")  # whose number of pods a disruption budget knows


def templates(value):
    """(labels, pod) of every template of a document."""
    if isinstance(value, dict):
        if isinstance(value.get("spec"), dict) and isinstance(value["spec"].get("containers"), list):
            yield value.get("metadata", {}).get("labels", {}), value["spec"]
        for child in value.values():
            yield from templates(child)
    elif isinstance(value, list):
        for child in value:
            yield from templates(child)


def selects(selector, labels):
    if selector is None:
        return False
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for e in selector.get("matchExpressions", []):
        has, values = labels.get(e["key"]), e.get("values", [])
        if not {"In": has in values, "NotIn": has not in values, "Exists": has is not None, "DoesNotExist": has is None}[e["operator"]]:
            return False
    return True


def pods_of(amount, replicas):
    """A number or a share, of which Kubernetes rounds up, in pods; None where the number of pods is an autoscaler's."""
    text = str(amount)
    if not text.endswith("%"):
        return int(text)
    return 0 if text == "0%" else None if replicas is None else math.ceil(replicas * int(text[:-1]) / 100)


def look_at_budget(where, spec, chosen):
    """A budget that lets nothing go keeps nodes from being drained; one that selects nothing protects nothing."""
    if not chosen:
        yield f"{where}: selects no pod of these manifests; remove it together with what it was for"
    for doc in chosen:
        what = f"{doc['kind']} {doc['metadata']['name']}"
        least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
        if doc["kind"] not in SCALED:
            if most is not None or str(least).endswith("%"):
                yield f"{where}: of {what} no share is known, so no node with one of its pods could be drained; give minAvailable as a number, or remove it"
            continue
        replicas = doc["spec"].get("replicas", None if doc["kind"] == "Deployment" else 1)
        if replicas == 0:
            continue
        stay = pods_of(least, replicas) if least is not None else None
        if (most is not None and pods_of(most, replicas) == 0) or str(least) == "100%" or (stay is not None and replicas is not None and stay >= replicas):
            yield f"{where}: lets none of the pods of {what} go, so no node with one of them could be drained"


def look_at_disruptions(docs):
    budgets = [d for d in docs if d.get("kind") == "PodDisruptionBudget"]
    for doc in budgets:
        selector = doc.get("spec", {}).get("selector")
        chosen = [d for d in docs if any(selects(selector, labels) for labels, _ in templates(d.get("spec") or {}))]
        yield from look_at_budget(f"PodDisruptionBudget {doc['metadata']['name']}", doc.get("spec", {}), chosen)
    for doc in docs:
        spec = doc.get("spec") or {}
        for labels, pod in templates(spec):
            where, programs = f"{doc['kind']} {doc['metadata']['name']}", {a for c in pod["containers"] for a in c.get("args", [])}
            if doc["kind"] == "Deployment" and "onic-actor" in programs and spec.get("replicas", 2) > 1 and \
                    not any(selects(b.get("spec", {}).get("selector"), labels) for b in budgets):
                yield f"{where}: no PodDisruptionBudget selects its pods: nodes that are drained may take all of them at once"
            if doc["kind"] == "Deployment" and programs & {"onic-learner", "onic-reward-server"} and spec.get("strategy", {}).get("type") != "Recreate":
                yield f"{where}: a rollout would start a second one beside the first, which has the run; make it a StatefulSet, or strategy: {{type: Recreate}}"
            if "onic-learner" in programs and pod.get("terminationGracePeriodSeconds", 30) < 30:
                yield f"{where}: terminationGracePeriodSeconds is {pod['terminationGracePeriodSeconds']}: a learner that is stopped needs 30 or more for its checkpoint and ledger"


def look_at_pod(where, pod, volumes):
    for c in pod["containers"]:
        if "memory" not in c.get("resources", {}).get("limits", {}):
            yield f"{where}: container {c['name']} has no limit of memory (resources.limits.memory): one that grows takes its node with it"
        security = c.get("securityContext", {})
        if not security.get("readOnlyRootFilesystem") or security.get("allowPrivilegeEscalation", True):
            yield f"{where}: container {c['name']} is not confined (readOnlyRootFilesystem: true, allowPrivilegeEscalation: false)"
        there = volumes | {v["name"] for v in pod.get("volumes", [])}
        for mount in c.get("volumeMounts", []):
            if mount["name"] not in there:
                yield f"{where}: volume {mount['name']}, which container {c['name']} mounts at {mount['mountPath']}, does not exist"
        program = next((a for a in c.get("args", []) if a in ("onic-learner", "onic-reward-server")), None)
        if program and not any(m["mountPath"] == "/runs" for m in c.get("volumeMounts", [])):
            yield f"{where}: {program} has no volume at /runs: what it learns is lost with its pod"


def look_at(doc):
    where = f"{doc.get('kind')} {doc.get('metadata', {}).get('name')}"
    spec = doc.get("spec") or {}
    volumes = {v["metadata"]["name"] for v in spec.get("volumeClaimTemplates", [])}
    if doc.get("kind") == "StatefulSet" and spec.get("replicas", 1) > 1:
        yield f"{where}: {spec['replicas']} of it would be as many runs, each with a volume of its own; actors are what scales"
    if not isinstance(spec.get("replicas", 1), int) or spec.get("replicas", 1) < 0:
        yield f"{where}: replicas is {spec['replicas']}, must be a whole number from 0"
    for pod in pods(spec):
        yield from look_at_pod(where, pod, volumes)


def main():
    docs = [doc for doc in yaml.safe_load_all(sys.stdin) if doc]
    said = [s for doc in docs for s in look_at(doc)] + list(look_at_disruptions(docs))
    for s in said:
        print(f"error: {s}", file=sys.stderr)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
