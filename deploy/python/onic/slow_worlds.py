# SPDX-License-Identifier: MIT
"""Worlds whose step takes a known time and says nothing of interest: what `onic bench` measures the bridge to Gymnasium with.

``Slow100-v0`` is busy for 100 microseconds, ``Slow300-v0`` for 300; ``Pictures100-v0`` for 100 as well, and what it shows is a picture
of 84 x 84 x 4 bytes, another one in each step, as Atari's are. Busy by the clock, not by an amount of work: so a step takes as
long on either side of a comparison, and what is left between the sides is what the bridge adds.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from onic.errors import need

gymnasium = need("gymnasium", "onic.slow_worlds", "gym")


class Slow(gymnasium.Env):
    STEPS = 200

    def __init__(self, microseconds: int, pictures: bool = False):
        self.busy_ns = 1000 * microseconds
        self.observation_space = gymnasium.spaces.Box(0, 255, (84, 84, 4), np.uint8) if pictures else gymnasium.spaces.Box(-1, 1, (4,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(2)
        self.seen = [np.full(self.observation_space.shape, i if pictures else 0, self.observation_space.dtype) for i in range(8)]
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[Any, dict]:
        super().reset(seed=seed)
        self.steps = 0
        return self.seen[0], {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict]:
        end = time.perf_counter_ns() + self.busy_ns
        self.steps += 1
        while time.perf_counter_ns() < end:
            pass
        return self.seen[self.steps % 8], 0.0, self.steps == self.STEPS, False, {}


for _busy in (100, 300):
    gymnasium.register(id=f"Slow{_busy}-v0", entry_point=Slow, kwargs={"microseconds": _busy})
gymnasium.register(id="Pictures100-v0", entry_point=Slow, kwargs={"microseconds": 100, "pictures": True})
