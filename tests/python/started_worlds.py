# SPDX-License-Identifier: MIT
"""A world whose actions and observations do not count from 0, and some that break once; played by test_evaluate.py and test_bridge.py."""

import os
import subprocess
import time

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


class Anew(gymnasium.Env):
    """Sees how many of its kind were made and how many are closed; the first breaks in its third step, if its seed is odd: 0 is for a try."""

    made = closed = 0

    def __init__(self):
        self.observation_space = spaces.MultiDiscrete([100, 100])
        self.action_space = spaces.Discrete(2)
        Anew.made += 1
        self.number = Anew.made

    def reset(self, *, seed=None, options=None):
        self.steps, self.odd = 0, bool(seed and seed % 2)
        return [self.number, Anew.closed], {}

    def step(self, action):
        self.steps += 1
        if self.steps == 3 and self.number == 1 and self.odd:
            raise ValueError("worn out")
        return [self.number, Anew.closed], 0.0, self.steps >= 5, False, {}

    def close(self):
        Anew.closed += 1


gymnasium.register(id="Anew-v0", entry_point=Anew)


class Stuck(Anew):
    """Starts a process, whose number stands in the file STARTED_CHILDREN, and hangs in its third step, if its seed is odd."""

    def step(self, action):
        if self.steps == 2 and self.odd:
            with open(os.environ["STARTED_CHILDREN"], "a") as file:
                file.write(f"{subprocess.Popen(['sleep', '1000']).pid}\n")
            time.sleep(1000)
        return super().step(action)


gymnasium.register(id="Stuck-v0", entry_point=Stuck)
