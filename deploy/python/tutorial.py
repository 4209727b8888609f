# SPDX-License-Identifier: MIT
# A tour of the package in cells: open it in VS Code, PyCharm or Jupyter (jupytext), or run it as it is,
#
#     python deploy/python/tutorial.py [RUN]
#
# RUN is a run directory of onic, that of ./deploy/quickstart.sh where none is given. Needs pandas; the last cells want gymnasium,
# minigrid and pyarrow and are left out without them.

# %% A run
import sys
import tempfile
from pathlib import Path

import numpy as np

import onic

run = onic.load(sys.argv[1] if len(sys.argv) > 1 else "runs/keycorridor-s1")
print(run, "played", run.config["env"]["id"], "with the reward model", run.config["reward"]["model"])

# %% [markdown]
# Metrics: a row per line of `metrics.jsonl`. While the run trains, `run.refresh()` reads it again.

# %%
metrics = run.metrics.dropna(subset=["env_steps"])
print(metrics[["env_steps", "reward/reward", "policy_stats/success_rate", "intrinsic/share"]].tail())

# %% [markdown]
# Labels: what was asked about each caption, who answered what. Which captions count as good?

# %%
labels = run.labels
if len(labels):
    answers = labels[labels["state"] == "answered"].groupby("caption")["label"].agg(["mean", "count"])
    print(answers.sort_values("mean", ascending=False, kind="stable").head())

# %% [markdown]
# Kept episodes, step by step: what was paid for what?

# %%
steps = run.steps
if len(steps):
    print(run.episodes[["file", "steps", "end", "return", "paid_int"]].tail(3))
    print(steps.groupby("caption")["int"].sum().sort_values(ascending=False).head())

# %% A policy
policy = onic.Policy(run.path, seed=1)
print(policy)
for field in policy.fields:
    print("sees", field.name, field.dtype, field.shape)

# %% [markdown]
# It acts in batches; a state of zeros begins an episode, and each call gives the next one.

# %%
observation = {field.name: np.zeros((4, *field.shape), field.dtype) for field in policy.fields}
mask = np.ones(sum(policy.action_space.options), bool) if policy.action_space.masked else None
actions, state = policy.act(observation, policy.initial_state(4), mask=mask)
print("actions", actions, "values", policy.forward(observation).value[0])

# %% [markdown]
# Its weights are arrays by name; `common/checkpoint/FORMAT.md` says how gates and tensors lie.

# %%
print({name: tensor.shape for name, tensor in policy.tensors.items()})

# %% The published environment
try:
    import gymnasium
    import minigrid  # noqa: F401  (registers the environments)
except ImportError:
    gymnasium = None
if gymnasium and policy.env_id.startswith("minigrid:"):
    name = policy.env_id.replace("minigrid:", "MiniGrid-") + "-v0"
    print(name, onic.evaluate(policy, lambda: gymnasium.make(name), episodes=50))

# %% Other formats
with tempfile.TemporaryDirectory() as folder:
    arrays = np.load(run.to_npz(Path(folder, "run.npz")))
    print(len(arrays.files), "arrays, among them", arrays.files[:3])
    try:
        print([path.name for path in run.to_parquet(folder)])
    except ImportError as missing:
        print(missing)
