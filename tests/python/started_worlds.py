# SPDX-License-Identifier: MIT
"""A world whose actions and observations do not count from 0; played by test_evaluate.py."""

import gymnasium
from gymnasium import spaces


class Started(gymnasium.Env):
    """A walk on the places -10 to 10, which pay what they are called; 0 is no step, 1 and -1 are one."""

    def __init__(self):
        self.observation_space = spaces.Discrete(21, start=-10)
        self.action_space = spaces.Discrete(3, start=-1)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.steps = int(self.np_random.integers(-9, 10)), 0
        return self.place, {}

    def step(self, action):
        self.place, self.steps = self.place + int(action), self.steps + 1
        return self.place, float(self.place), abs(self.place) == 10, self.steps >= 30, {}


gymnasium.register(id="Started-v0", entry_point=Started)
