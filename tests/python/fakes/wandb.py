# SPDX-License-Identifier: MIT
"""What onic.forward uses of wandb, kept in memory. Offline each start is a run of its own, as in the real one (test_trackers.py)."""

import os

runs = {}


class Fault(Exception):
    pass


class _Run:
    def __init__(self, config, offline):
        self.offline, self.dir = offline, f"{os.environ.get('WANDB_DIR', '.')}/wandb/offline-run-{len(runs)}/files"
        if offline:
            os.makedirs(self.dir)
        self.config, self.rows, self.summary, self.defined, self.exits, self.faults = config, [], {}, [], [], 0

    def define_metric(self, name, step_metric):
        self.defined.append((name, step_metric))

    def log(self, values):
        if self.faults:
            self.faults -= 1
            raise Fault("the server is away")
        self.rows.append(values)
        self.summary.update(values)

    def finish(self, exit_code=None):
        self.exits.append(exit_code)


def init(project, id, name, resume, config):
    assert resume == "allow" and len(id) == 32
    offline = os.environ.get("WANDB_MODE") == "offline"
    key = (project, id, name, len(runs)) if offline else (project, id, name)
    if key not in runs:
        runs[key] = _Run(config, offline)
    return runs[key]
