#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What Kubernetes would take and onic would suffer from: looks through rendered manifests, one sentence each; exit code 1.

    kustomize build OVERLAY | deploy/kubernetes/check.py
"""
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
    said = [s for doc in yaml.safe_load_all(sys.stdin) if doc for s in look_at(doc)]
    for s in said:
        print(f"error: {s}", file=sys.stderr)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
