# SPDX-License-Identifier: MIT
"""What onic.forward uses of wandb, kept in memory."""

runs = {}


class Fault(Exception):
    pass


class _Run:
    def __init__(self, config):
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
    return runs.setdefault((project, id, name), _Run(config))
