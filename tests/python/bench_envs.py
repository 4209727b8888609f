#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Steps per second of CPU time of onic's environments in Gymnasium, and of the package minigrid.

    $(tests/python/run.sh --python) tests/python/bench_envs.py [KeyCorridorS3R3 ...]
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "deploy/python"))

import gymnasium
import minigrid  # noqa: F401  registers its worlds
import numpy as np

import onic.envs  # noqa: F401

SECONDS = 2.0


def per_second(env, n):
    """Steps of all n environments together, with uniform random actions, resets included."""
    actions = np.random.default_rng(0).integers(0, 7, (512, n))
    single = n == 1
    env.reset(seed=1)
    steps, start = 0, time.process_time()
    while time.process_time() - start < SECONDS:
        for row in actions:
            _, _, terminated, truncated, _ = env.step(int(row[0]) if single else row)
            if single and (terminated or truncated):
                env.reset()
        steps += len(actions) * n
    return steps / (time.process_time() - start)


def main():
    for world in sys.argv[1:] or ["KeyCorridorS3R3"]:
        ours, theirs = f"onic/{world}-v0", f"MiniGrid-{world}-v0"
        floor = per_second(gymnasium.make(theirs), 1)
        rows = [
            (f"gymnasium.make({theirs!r})", floor),
            (f"make_vec({theirs!r}, 16, 'sync')", per_second(gymnasium.make_vec(theirs, 16, "sync"), 16)),
            (f"gymnasium.make({ours!r})", per_second(gymnasium.make(ours), 1)),
            *((f"make_vec({ours!r}, {n})", per_second(gymnasium.make_vec(ours, n), n)) for n in (16, 64, 256)),
        ]
        for what, rate in rows:
            print(f"{what:48} {rate:12,.0f} steps/s  {rate / floor:6.1f} x")


if __name__ == "__main__":
    main()
