# SPDX-License-Identifier: MIT
"""make_minigrid.py - records tests/golden/minigrid.txt from the published package.

    python3 -m venv v && v/bin/pip install minigrid==3.2.0 && v/bin/python tests/golden/make_minigrid.py > tests/golden/minigrid.txt

For every task of actor/envs/minigrid/tasks.def the file has
  random ID SEED STEPS EPISODES HASH    STEPS actions of splitmix64(SEED), one environment seeded once and reset after every end
  solved ID SEED RETURN HASH ACTIONS    one episode that ends in success, found by the planner below; one digit per action
A hash is FNV-1a-64 over, for the reset and every step: image (147 bytes, package order), direction (1), reward (float64, little
endian), terminated (1), truncated (1). Resets in the middle count as steps with reward 0 and no flags. The C test replays both.
"""
import re
import struct
import sys
from collections import deque
from pathlib import Path

import gymnasium as gym
import minigrid  # noqa: F401  (registers the environments)
from minigrid.core.constants import DIR_TO_VEC

RANDOM_SEEDS, RANDOM_STEPS = (0, 1, 12345678901), 20000
SOLVED_EPISODES, FIRST_SOLVED_SEED = 20, 1000
LEFT, RIGHT, FORWARD, PICKUP, DROP, TOGGLE = range(6)
MASK = (1 << 64) - 1


def tasks():
    """(name, newest registered id) of every line of tasks.def."""
    text = (Path(__file__).parents[2] / "actor/envs/minigrid/tasks.def").read_text()
    for name in re.findall(r'^TASK\("([^"]+)"', text, re.M):
        versions = [i for i in gym.registry if re.fullmatch(rf"MiniGrid-{re.escape(name)}-v\d+", i)]
        yield name, max(versions, key=lambda i: int(i.rsplit("-v", 1)[1]))


class SplitMix64:
    def __init__(self, seed):
        self.state = seed

    def action(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        z ^= z >> 31
        return ((z >> 32) * 7) >> 32


class Hash:
    def __init__(self):
        self.value = 0xCBF29CE484222325

    def add(self, obs, reward=0.0, terminated=False, truncated=False):
        data = obs["image"].tobytes() + struct.pack("<Bd??", obs["direction"], reward, terminated, truncated)
        assert len(data) == 158
        for byte in data:
            self.value = ((self.value ^ byte) * 0x100000001B3) & MASK


def record_random(env, seed):
    actions, digest, episodes = SplitMix64(seed), Hash(), 0
    digest.add(env.reset(seed=seed)[0])
    for _ in range(RANDOM_STEPS):
        obs, reward, terminated, truncated, _ = env.step(actions.action())
        digest.add(obs, reward, terminated, truncated)
        if terminated or truncated:
            episodes += 1
            digest.add(env.reset()[0])
    return episodes, digest.value


class Planner:
    """Solves one episode with full knowledge of the grid. Every method steps the environment; Stuck when it cannot."""

    class Stuck(Exception):
        pass

    def __init__(self, env):
        self.env, self.e = env, env.unwrapped
        self.actions, self.reward, self.done, self.digest = [], 0.0, False, Hash()

    def step(self, action):
        obs, self.reward, terminated, truncated, _ = self.env.step(action)
        self.digest.add(obs, self.reward, terminated, truncated)
        self.actions.append(action)
        self.done = terminated or truncated

    def passable(self, pos, blocked):
        cell = self.e.grid.get(*pos)
        if tuple(pos) in blocked:
            return False
        return cell is None or cell.can_overlap() or (cell.type == "door" and not cell.is_locked)

    def route(self, accept, blocked=()):
        """Shortest turns and forwards to a pose (x, y, dir) that is accepted; closed doors count as open."""
        start = (*(int(v) for v in self.e.agent_pos), int(self.e.agent_dir))
        queue, came = deque([start]), {start: None}
        while queue:
            pose = queue.popleft()
            if accept(pose):
                path = []
                while came[pose]:
                    pose, action = came[pose]
                    path.append(action)
                return path[::-1]
            x, y, d = pose
            dx, dy = (int(v) for v in DIR_TO_VEC[d])
            options = [((x, y, (d + 3) % 4), LEFT), ((x, y, (d + 1) % 4), RIGHT)]
            if self.passable((x + dx, y + dy), blocked):
                options.append(((x + dx, y + dy, d), FORWARD))
            for after, action in options:
                if after not in came:
                    came[after] = (pose, action)
                    queue.append(after)
        raise self.Stuck

    @staticmethod
    def ahead(pose):
        dx, dy = DIR_TO_VEC[pose[2]]
        return pose[0] + int(dx), pose[1] + int(dy)

    def follow(self, path):
        for action in path:
            cell = self.e.grid.get(*self.e.front_pos)
            if action == FORWARD and cell is not None and cell.type == "door" and not cell.is_open:
                self.step(TOGGLE)
            self.step(action)
            if self.done:
                return

    def face(self, pos, blocked=()):
        self.follow(self.route(lambda pose: self.ahead(pose) == tuple(pos), blocked))

    def drop_out_of_the_way(self, *needed):
        """Drops onto the nearest empty cell that leaves a way to face each of the cells `needed`."""
        def accept(pose):
            spot = self.ahead(pose)
            if self.e.grid.get(*spot) is not None:
                return False
            x, y, d = (int(v) for v in (*self.e.agent_pos, self.e.agent_dir))
            self.e.agent_pos, self.e.agent_dir = pose[:2], pose[2]
            try:
                for pos in needed:
                    self.route(lambda p, pos=pos: self.ahead(p) == pos, {spot})
                return True
            except self.Stuck:
                return False
            finally:
                self.e.agent_pos, self.e.agent_dir = (x, y), d
        self.follow(self.route(accept))
        self.step(DROP)

    def find(self, predicate):
        for x in range(self.e.width):
            for y in range(self.e.height):
                cell = self.e.grid.get(x, y)
                if cell is not None and predicate(cell):
                    return x, y
        return None

    def locate(self, thing):
        return self.find(lambda c: c is thing)

    def solve(self):
        goal = self.find(lambda c: c.type == "goal")
        target = getattr(self.e, "obj", None)
        door = self.find(lambda c: c.type == "door" and c.is_locked)
        if door:
            self.unlock(door)
        if self.done:  # Unlock ends here
            return
        if goal:
            self.follow(self.route(lambda pose: pose[:2] == goal))
            return
        if self.e.carrying:
            self.drop_out_of_the_way(self.locate(target))
        self.face(self.locate(target))
        self.step(PICKUP)

    def unlock(self, door):
        color = self.e.grid.get(*door).color
        key = self.find(lambda c: c.type == "key" and c.color == color)
        ball = self.find(lambda c: c.type == "ball")
        if ball and ball == (door[0] - 1, door[1]):  # it stands in front of the door: carry it away
            self.face(ball)
            self.step(PICKUP)
            self.drop_out_of_the_way(key, door)
        self.face(key)
        self.step(PICKUP)
        self.face(door)
        self.step(TOGGLE)


class MazePlanner(Planner):
    """ObstructedMaze: unlocks doors whose keys are within reach until the ball is."""

    def facable(self, pos, blocked=()):
        try:
            self.route(lambda pose: self.ahead(pose) == tuple(pos), blocked)
            return True
        except self.Stuck:
            return False

    def all(self, predicate):
        cells = ((x, y) for x in range(self.e.width) for y in range(self.e.height))
        return [p for p in cells if self.e.grid.get(*p) is not None and predicate(self.e.grid.get(*p))]

    def reach(self, blocked=()):
        """Cells the agent can stand on."""
        start = tuple(int(v) for v in self.e.agent_pos)
        seen, stack = {start}, [start]
        while stack:
            x, y = stack.pop()
            for dx, dy in DIR_TO_VEC:
                after = x + int(dx), y + int(dy)
                if after not in seen and self.passable(after, blocked):
                    seen.add(after)
                    stack.append(after)
        return seen

    def drop_safely(self):
        """Drops where no cell and no thing but the spot itself gets out of reach."""
        before = self.reach()
        things = self.all(lambda c: c.type in ("key", "ball", "box", "door"))

        def beside(cells, pos):
            return any((pos[0] + int(dx), pos[1] + int(dy)) in cells for dx, dy in DIR_TO_VEC)
        things = [p for p in things if beside(before, p)]

        def accept(pose):
            spot = self.ahead(pose)
            if self.e.grid.get(*spot) is not None or spot == tuple(int(v) for v in self.e.agent_pos):
                return False
            after = self.reach({spot})
            return before - after == {spot} and all(beside(after, p) for p in things)
        self.follow(self.route(accept))
        self.step(DROP)

    def take(self, pos):
        if self.e.carrying:
            thing = self.e.grid.get(*pos)
            self.drop_safely()
            pos = self.locate(thing)
        self.face(pos)
        self.step(PICKUP)

    def key_for(self, color):
        def opens(c):
            return (c.type == "key" and c.color == color) or (c.type == "box" and c.contains and opens(c.contains))
        return next((p for p in self.all(opens) if self.facable(p)), None)

    def blocker(self, door):
        """The ball in front of a door."""
        beside = [(door[0] + int(dx), door[1] + int(dy)) for dx, dy in DIR_TO_VEC]
        balls = self.all(lambda c: c.type == "ball" and c is not self.e.obj)
        return next((p for p in balls if p in beside and self.facable(p)), None)

    def try_unlock(self, door):
        color = self.e.grid.get(*door).color
        carried = self.e.carrying
        has_key = carried is not None and carried.type == "key" and carried.color == color
        if not has_key and self.key_for(color) is None:
            return False
        if not self.facable(door):
            ball = self.blocker(door)
            if ball is None:
                return False
            self.take(ball)
            self.drop_safely()
            has_key = False
        if not has_key:
            key = self.key_for(color)
            if self.e.grid.get(*key).type == "box":
                self.face(key)
                self.step(TOGGLE)
            self.take(key)
        self.face(door)
        self.step(TOGGLE)
        return True

    def solve(self):
        while not self.done:
            target = self.locate(self.e.obj)
            if self.facable(target):
                self.take(target)
            elif not any(self.try_unlock(d) for d in self.all(lambda c: c.type == "door" and c.is_locked)):
                raise self.Stuck


def record_solved(env, name):
    kind = MazePlanner if name.startswith("ObstructedMaze") else Planner
    seed, found = FIRST_SOLVED_SEED, 0
    while found < SOLVED_EPISODES:
        planner = kind(env)
        planner.digest.add(env.reset(seed=seed)[0])
        try:
            planner.solve()
        except Planner.Stuck:
            pass
        if planner.done and planner.reward > 0:
            found += 1
            print("solved", name, seed, repr(float(planner.reward)), f"{planner.digest.value:016x}",
                  "".join(map(str, planner.actions)))
        seed += 1
        if seed > FIRST_SOLVED_SEED + 50 * SOLVED_EPISODES:
            sys.exit(f"{name}: the planner fails too often")


def main():
    print("# recorded by tests/golden/make_minigrid.py from minigrid", minigrid.__version__)
    for name, published in tasks():
        env = gym.make(published, disable_env_checker=True).unwrapped
        for seed in RANDOM_SEEDS:
            episodes, digest = record_random(env, seed)
            print("random", name, seed, RANDOM_STEPS, episodes, f"{digest:016x}")
        record_solved(env, name)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
