#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Steps a second of onic.Policy on one core, batched; a JSON object a line.

    $(tests/python/run.sh --python) tests/python/bench_policy.py [--batch N] [--seconds S] [CHECKPOINT or RUN ...]

Without a checkpoint: networks with random weights on KeyCorridor's observation, and those of NetHack. act = forward and a sampled
action. With --env also the steps of the published minigrid package itself, and of both together.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent
os.environ.setdefault("ONIC_BUILD", str(root / "build"))
sys.path[:0] = [str(here), str(root / "deploy/python")]

import onic.adapters  # noqa: E402
import probe  # noqa: E402


def rate(step, batch, seconds):
    """Best of a few rounds: a busy machine slows some of them."""
    best = 0.0
    for _ in range(5):
        steps, start = 0, time.process_time()
        while time.process_time() - start < seconds / 5:
            step()
            steps += batch
        best = max(best, steps / (time.process_time() - start))
    return round(best)


def bench(path, batch, seconds, name):
    policy = onic.Policy(path, seed=1)
    made = probe.steps(probe.describe(path), 1, batch, seed=1, actions=[7])
    observation = {field.name: made[field.name][0] for field in policy.fields}
    state = [policy.initial_state(batch)]

    def step():
        _, state[0] = policy.act(observation, state[0])

    print(json.dumps({"name": name, "batch": batch, "steps_per_s": rate(step, batch, seconds)}), flush=True)


def bench_env(path, batch, seconds):
    import gymnasium
    import minigrid  # noqa: F401
    import numpy as np

    policy = onic.Policy(path, seed=1)
    worlds = [gymnasium.make("MiniGrid-KeyCorridorS3R3-v0") for _ in range(batch)]
    seen = [world.reset(seed=i)[0] for i, world in enumerate(worlds)]
    state = [policy.initial_state(batch)]

    def step():
        rows = [onic.adapters.minigrid(x) for x in seen]
        actions, state[0] = policy.act({name: np.stack([r[name] for r in rows]) for name in rows[0]}, state[0])
        for i, world in enumerate(worlds):
            seen[i], _, ended, cut, _ = world.step(int(actions[i]))
            if ended or cut:
                seen[i], _ = world.reset()

    print(json.dumps({"name": "minigrid package and policy", "batch": batch, "steps_per_s": rate(step, batch, seconds)}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="*")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--env", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "random.safetensors")
        for named in args.checkpoint:
            bench(onic.Policy(named).checkpoint.path, args.batch, args.seconds, named)
        for net in [] if args.checkpoint else ["grid-small", "nethack-compact", "torchbeast", "oni-default"]:
            for core in probe.CORES if net == "grid-small" else ["lstm"]:
                probe.new(path, net, core)
                bench(path, args.batch, args.seconds, f"{net} {core}")
        probe.new(path, "grid-small", "lstm", observation="image uint8[7,7,3]; direction uint8[1]")
        if args.env:
            bench_env(path, 16, args.seconds)


if __name__ == "__main__":
    main()
