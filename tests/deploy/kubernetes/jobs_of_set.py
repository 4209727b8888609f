#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The jobs of a JobSet as documents of their own, for schemas that know Jobs alone; what is the set's is compared with the fields that jobset.x-k8s.io has.

    jobs_of_set.py < RENDERED > JOBS
"""
import sys

import yaml

SPEC = {"suspend", "network", "successPolicy", "failurePolicy", "startupPolicy", "replicatedJobs", "managedBy", "ttlSecondsAfterFinished", "coordinator"}
NETWORK = {"enableDNSHostnames", "subdomain", "publishNotReadyAddresses"}

jobs = []
for doc in yaml.safe_load_all(sys.stdin):
    if not doc or doc["kind"] != "JobSet":
        continue
    spec = doc["spec"]
    unknown = set(spec) - SPEC | set(spec.get("network", {})) - NETWORK
    names = [j["name"] for j in spec["replicatedJobs"]]
    lost = [n for n in spec["successPolicy"]["targetReplicatedJobs"] if n not in names]
    if unknown or lost:
        sys.exit(f"FAILED: JobSet {doc['metadata']['name']}: unknown {sorted(unknown)}, no job called {lost}")
    for job in spec["replicatedJobs"]:
        if set(job) - {"name", "replicas", "template", "dependsOn", "groupName"}:
            sys.exit(f"FAILED: job {job['name']}: unknown field")
        meta = dict(job["template"].get("metadata", {}), name=f"{doc['metadata']['name']}-{job['name']}-0")
        jobs.append({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": job["template"]["spec"]})
yaml.safe_dump_all(jobs, sys.stdout)
