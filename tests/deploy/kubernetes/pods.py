#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rendered manifests as podman can play them: what a StatefulSet's pod is, as a Pod of the name of its Service; the rest as it is.

    pods.py KEYS KIND-OR-NAME... < RENDERED > PODS
    pods.py --secrets KEYS < SECRETS

podman 4.3 knows no StatefulSet, no Service, no NetworkPolicy. Pods, volumes, configuration, probes, limits and confinement stay as they are, but for what it
does not know: the size of an emptyDir, the policy of a volume's group, and a Secret as a volume. In its place the folder KEYS/NAME is mounted, where
--secrets lays a Secret's files as Kubernetes does: root's, mode 0440, of the pod's group.
"""
import base64
import os
import sys

import yaml


def lay_secrets(keys):
    for doc in yaml.safe_load_all(sys.stdin):
        if not doc:
            continue
        folder = os.path.join(keys, doc["metadata"]["name"])
        os.makedirs(folder)
        for name, data in doc["data"].items():
            path = os.path.join(folder, name)
            with open(path, "wb") as f:
                f.write(base64.b64decode(data))
            os.chown(path, 0, 10001)
            os.chmod(path, 0o440)


if sys.argv[1] == "--secrets":
    lay_secrets(sys.argv[2])
    sys.exit()
keys, wanted = sys.argv[1], sys.argv[2:]
out = []
for doc in yaml.safe_load_all(sys.stdin):
    if not doc or not (doc["kind"] in wanted or doc["metadata"]["name"] in wanted):
        continue
    doc["metadata"].pop("namespace", None)
    spec = doc.get("spec")
    if doc["kind"] == "StatefulSet":
        template = spec["template"]
        pod = template["spec"]
        for claim in spec.get("volumeClaimTemplates", []):
            name = f"{claim['metadata']['name']}-{doc['metadata']['name']}-0"
            pod["volumes"].append({"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": name}})
        meta = dict(template["metadata"], name=doc["metadata"]["name"])
        doc = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": dict(pod, restartPolicy="Always")}
    elif doc["kind"] == "Deployment":
        pod = spec["template"]["spec"]
    else:
        pod = None
    if pod:
        pod.get("securityContext", {}).pop("fsGroupChangePolicy", None)
        for volume in pod.get("volumes", []):
            if "emptyDir" in volume:
                volume["emptyDir"] = {}
            if "secret" in volume:
                volume["hostPath"] = {"path": f"{keys}/{volume.pop('secret')['secretName']}", "type": "Directory"}
    if doc["kind"] in ("PodDisruptionBudget", "NetworkPolicy", "Service"):
        continue
    out.append(doc)
yaml.safe_dump_all(out, sys.stdout)
