# SPDX-License-Identifier: MIT
from types import SimpleNamespace as Some

experiments, runs = {}, {}


class MlflowClient:
    def get_experiment_by_name(self, name):
        return Some(experiment_id=experiments[name]) if name in experiments else None

    def create_experiment(self, name):
        return experiments.setdefault(name, str(len(experiments)))

    def create_run(self, experiment, run_name, tags):
        run = Some(experiment=experiment, name=run_name, tags=dict(tags), metrics=[], params={}, status="RUNNING")
        runs[str(len(runs))] = run
        return Some(info=Some(run_id=str(len(runs) - 1)), data=Some(tags=run.tags))

    def search_runs(self, experiments, filter_string, max_results):
        wanted = filter_string.split("'")[1]
        found = [(i, r) for i, r in runs.items() if r.experiment in experiments and r.tags.get("onic.run_id") == wanted]
        return [Some(info=Some(run_id=i), data=Some(tags=r.tags)) for i, r in found[:max_results]]

    def log_batch(self, run, metrics=(), params=(), tags=()):
        assert len(params) <= 100 and len(metrics) <= 1000
        runs[run].metrics += metrics
        runs[run].params.update({p.key: p.value for p in params})
        runs[run].tags.update({t.key: t.value for t in tags})

    def update_run(self, run, status):
        runs[run].status = status

    def set_terminated(self, run, status):
        runs[run].status = status
