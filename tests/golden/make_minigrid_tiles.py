# SPDX-License-Identifier: MIT
"""make_minigrid_tiles.py - records tests/golden/minigrid_tiles.txt from the published package.

    python3 -m venv v && v/bin/pip install minigrid==3.2.0 'numpy>=2' && v/bin/python tests/golden/make_minigrid_tiles.py > tests/golden/minigrid_tiles.txt

  tiles SIDE TYPE HASH         the lighter tiles of SIDE pixels of a type: each colour, door state, without and with the agent
  dark SIDE HASH               the tile of what is not seen
  view ID SEED STEPS SIDE HASH the pictures of RGBImgPartialObsWrapper: reset and STEPS actions of splitmix64(SEED), as in make_minigrid.py
A hash is FNV-1a-64 over bytes as the package has them. The C test draws the same.
"""
import gymnasium as gym
import minigrid
import numpy as np
from make_minigrid import SplitMix64, tasks
from minigrid.core import world_object as things
from minigrid.core.constants import IDX_TO_COLOR
from minigrid.core.grid import Grid
from minigrid.wrappers import RGBImgPartialObsWrapper

SIDES = (3, 5, 8, 12, 32)
MASK = (1 << 64) - 1
VIEWS = (("DoorKey-5x5", 8), ("KeyCorridorS3R3", 8), ("ObstructedMaze-Full", 8), ("MultiRoom-N4-S5", 5))


def thing(kind, color, state):
    """What the package draws for a cell; None: nothing but the ground."""
    make = {2: things.Wall, 3: things.Floor, 5: things.Key, 6: things.Ball, 7: things.Box, 8: things.Goal}
    if kind == 4:
        return things.Door(color, is_open=state == 0, is_locked=state == 2)
    if kind == 9:
        return things.Lava()
    return make[kind](color) if kind in make else None


class Hash:
    def __init__(self):
        self.value = 0xCBF29CE484222325

    def add(self, picture):
        data = np.zeros(picture.shape, np.uint8)
        data[:] = picture  # as Grid.render does it
        for byte in data.tobytes():
            self.value = ((self.value ^ byte) * 0x100000001B3) & MASK

    def __str__(self):
        return f"{self.value:016x}"


def tile(obj, side, direction=None, highlight=True):
    return Grid.render_tile(obj, direction, highlight, side)


def record_tiles(side):
    for kind in range(10):
        digest = Hash()
        for color in range(6):
            for state in range(3):
                obj = thing(kind, IDX_TO_COLOR[color], state)
                digest.add(tile(obj, side))
                digest.add(tile(obj, side, direction=3))
        print("tiles", side, kind, digest)
    digest = Hash()
    digest.add(tile(None, side, highlight=False))
    print("dark", side, digest)


def record_view(name, published, seed, steps, side):
    env, actions, digest = RGBImgPartialObsWrapper(gym.make(published).unwrapped, side), SplitMix64(seed), Hash()
    digest.add(env.reset(seed=seed)[0]["image"])
    for _ in range(steps):
        obs, _, terminated, truncated, _ = env.step(actions.action())
        digest.add(obs["image"])
        if terminated or truncated:
            digest.add(env.reset()[0]["image"])
    print("view", name, seed, steps, side, digest)


def main():
    print("# recorded by tests/golden/make_minigrid_tiles.py from minigrid", minigrid.__version__, "with numpy", np.__version__)
    for side in SIDES:
        record_tiles(side)
    published = dict(tasks())
    for name, side in VIEWS:
        record_view(name, published[name], 7, 400, side)


if __name__ == "__main__":
    main()
