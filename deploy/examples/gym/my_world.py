"""A world of 30 lines: a frog crosses a road of six lanes, with a car on each."""
import gymnasium
import numpy as np


class Road(gymnasium.Env):
    LANES, WIDTH = 6, 9

    def __init__(self):
        self.observation_space = gymnasium.spaces.MultiDiscrete([self.LANES + 1] + [self.WIDTH] * self.LANES)
        self.action_space = gymnasium.spaces.Discrete(3)  # wait, forward, back

    def seen(self):
        return np.array([self.lane, *self.cars])

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.lane, self.steps = 0, 0
        self.cars = self.np_random.integers(self.WIDTH, size=self.LANES)
        return self.seen(), {"caption": "You stand at the road."}

    def step(self, action):
        self.steps += 1
        self.lane = max(0, self.lane + (0, 1, -1)[action])
        self.cars = (self.cars + np.arange(1, self.LANES + 1) % 3 - 1) % self.WIDTH
        home, hit = self.lane == self.LANES, 0 < self.lane < self.LANES and self.cars[self.lane - 1] == self.WIDTH // 2
        caption = "You reach the other side." if home else "A car hits you." if hit else ""
        return self.seen(), float(home), bool(home or hit), self.steps >= 60, {"caption": caption, "is_success": home}


gymnasium.register(id="Road-v0", entry_point=Road)
