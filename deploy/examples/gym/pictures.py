"""A world of pictures in 30 lines: balls fall, a bat catches them. An observation of uint8[32,32,1] gets the network for pictures by itself."""
import gymnasium
import numpy as np


class Catch(gymnasium.Env):
    CELLS, PIXELS = 8, 4  # cells a side, pixels of a cell

    def __init__(self, blank=False):
        self.blank = blank  # nothing is seen: what this world is worth to a player whose eyes are shut
        self.observation_space = gymnasium.spaces.Box(0, 255, (self.CELLS * self.PIXELS, self.CELLS * self.PIXELS, 1), np.uint8)
        self.action_space = gymnasium.spaces.Discrete(3)  # left, stay, right

    def seen(self):
        cells = np.zeros((self.CELLS, self.CELLS, 1), np.uint8)
        if not self.blank:
            cells[self.row, self.ball] = cells[-1, self.bat] = 255
        return cells.repeat(self.PIXELS, 0).repeat(self.PIXELS, 1)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.row, self.bat, self.ball = 0, self.CELLS // 2, int(self.np_random.integers(self.CELLS))
        return self.seen(), {}

    def step(self, action):
        self.row += 1
        self.bat = min(max(self.bat + int(action) - 1, 0), self.CELLS - 1)
        down, caught = self.row == self.CELLS - 1, self.bat == self.ball
        return self.seen(), float(down) * (1 if caught else -1), down, False, {"is_success": down and caught}


gymnasium.register(id="Catch-v0", entry_point=Catch)
