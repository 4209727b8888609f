# SPDX-License-Identifier: MIT
"""Environments that go wrong in one way each, and one that uses every space; played by test_gym.py."""

import enum
import os
import pathlib
import signal
import subprocess
import sys
import time

import gymnasium
import numpy as np
from gymnasium import spaces


class Plain(gymnasium.Env):
    """Ten steps to the right; 1 is right. What goes wrong does so in step `AT` of an episode whose seed is odd."""

    metadata = {"render_modes": ["ansi"]}
    AT = 3

    def __init__(self, render_mode=None, far=10):
        self.render_mode, self.far = render_mode, far
        self.observation_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = spaces.Discrete(2)

    def seen(self):
        return np.array([self.x / self.far, self.steps / 50], np.float32)

    def info(self):
        return {}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.odd = bool(seed and seed % 2)
        self.x = self.steps = 0
        return self.seen(), self.info()

    def step(self, action):
        self.x, self.steps = self.x + (1 if action else -1), self.steps + 1
        if self.steps == self.AT and self.odd:
            self.wrong()
        end = self.x >= self.far
        return self.seen(), float(end), end, self.steps >= 50, self.info()

    def render(self):
        return "." * max(self.x, 0) + "@"

    def wrong(self):
        pass


class Raises(Plain):
    def wrong(self):
        raise ValueError("the world has a hole")


class Leaves(Plain):
    def wrong(self):
        sys.exit(3)


class Hangs(Plain):
    def wrong(self):
        time.sleep(1000)


class Dies(Plain):
    def wrong(self):
        print("now it comes", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


class Listed(Plain):
    """The file STRANGE_FAULTS has a word for each time that it goes wrong or is slow; then it goes well."""

    SLOW_S = 12

    def next_fault(self, *kinds):
        faults = pathlib.Path(os.environ.get("STRANGE_FAULTS", "/dev/null"))
        now, _, later = faults.read_text().partition(" ") if faults.exists() else ("", "", "")
        faults.write_text(later) if now in kinds else None
        return now if now in kinds else ""

    def reset(self, **kinds):
        if self.next_fault("slow-reset"):
            time.sleep(self.SLOW_S)
        return super().reset(**kinds)

    def wrong(self):
        now = self.next_fault("raise", "raise-other", "exit", "die", "hang", "slow-step")
        if now == "slow-step":
            time.sleep(self.SLOW_S)
        if now == "raise":
            raise ValueError("in doubt")
        if now == "raise-other":
            raise KeyError("door")
        if now == "exit":
            print("I go", flush=True)
            os._exit(3)
        if now == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if now == "hang":
            time.sleep(1000)


class Forks(Plain):
    """Its processes' numbers stand in the file STRANGE_CHILDREN."""

    def wrong(self):
        self.note(os.fork())  # the child comes back from step as well

    def reset(self, **kinds):
        self.note(subprocess.Popen(["sleep", "1000"]).pid)
        return super().reset(**kinds)

    @staticmethod
    def note(pid):
        if pid:
            with open(os.environ.get("STRANGE_CHILDREN", "/dev/null"), "a") as file:
                file.write(f"{pid}\n")


class Starts(Plain):
    """Starts one process, whose number stands in the file STRANGE_CHILDREN."""

    started = None

    def reset(self, **kinds):
        if Starts.started is None:
            Starts.started = subprocess.Popen(["sleep", "1000"])
            Forks.note(Starts.started.pid)
        return super().reset(**kinds)


class Prints(Plain):
    def wrong(self):
        print("hello from the world")
        print("far " * 10000)
        os.write(1, b"hello from below\n")


class Chatters(Plain):
    """Prints more lines than a log wants, and more bytes than a pipe holds; the last line has no end."""

    def wrong(self):
        for i in range(3000):
            print(f"line {i} of the world {'_' * 60}")
        print("and" * 100000, end="", flush=True)


class NotANumber(Plain):
    def seen(self):
        return np.array([np.nan if self.steps == self.AT and self.odd else 0, 0], np.float32)


class Doubtful(Listed):
    """Masked, and what it returns is no number, or no choice, as the file says."""

    def reset(self, **kinds):
        self.now = ""
        return super().reset(**kinds)

    def wrong(self):
        self.now = self.next_fault("no-reward", "no-choice", "nan")

    def seen(self):
        return np.full(2, np.nan, np.float32) if self.now == "nan" else super().seen()

    def info(self):
        return {"action_mask": np.array([0, 0] if self.now == "no-choice" else [1, 1], np.int8)}

    def step(self, action):
        seen, reward, *rest = super().step(action)
        return seen, np.nan if self.now == "no-reward" else reward, *rest


class OtherShape(Plain):
    def seen(self):
        return np.zeros(3 if self.steps == self.AT and self.odd else 2, np.float32)


class Counted(Plain):
    """Its observation is a whole number, and in the wrong step one that its space does not have."""

    def __init__(self, **kinds):
        super().__init__(**kinds)
        self.observation_space = spaces.Discrete(100)

    def seen(self):
        return 100 if self.steps == self.AT and self.odd else self.steps


class OtherKind(Plain):
    def __init__(self, **kinds):
        super().__init__(**kinds)
        self.observation_space = spaces.MultiDiscrete([100, 100])

    def seen(self):
        return np.full(2, 0.5) if self.steps == self.AT and self.odd else np.full(2, self.steps)


class Masked(Plain):
    """Its mask becomes that of `wrong_mask`."""

    wrong_mask = [1, 0]

    def info(self):
        return {"action_mask": np.array(self.wrong_mask if self.steps == self.AT and self.odd else [1, 1], np.int8)}


class ShortMask(Masked):
    wrong_mask = [1]


class Leaks(Plain):
    kept = []

    def wrong(self):
        self.kept.append(np.ones(40 << 20, np.uint8))


class Swells(Plain):
    """Takes its memory in one step, and goes on for longer than the memory is not looked at."""

    def wrong(self):
        self.kept = np.ones(200 << 20, np.uint8)
        time.sleep(1.2)


class ManyNames(Plain):
    """Names of actions that are longer than a message."""

    actions = enum.IntEnum("actions", [f"a_rather_long_name_of_an_action{'_' * 40}{i}" for i in range(1000)])

    def __init__(self, **kinds):
        super().__init__(**kinds)
        self.action_space = spaces.Discrete(1000)


class BrokenReset(Plain):
    made = 0

    def reset(self, *, seed=None, options=None):
        BrokenReset.made += 1
        if BrokenReset.made > 1:
            raise RuntimeError("no world today")
        return super().reset(seed=seed)


class NoSpace(Plain):
    def __init__(self, **kinds):
        super().__init__(**kinds)
        self.observation_space = spaces.Dict({"good": spaces.Discrete(2), "strange": spaces.Sequence(spaces.Discrete(2))})


class NoBounds(Plain):
    def __init__(self, **kinds):
        super().__init__(**kinds)
        self.action_space = spaces.Box(-np.inf, np.inf, (1,), np.float32)


class NoMode(Plain):
    """Declares how it can be shown and does not take it."""

    def __init__(self):
        super().__init__()


class Endless(Plain):
    """Its limit is none."""

    def __init__(self, limit=sys.maxsize, **kinds):
        super().__init__(**kinds)
        self.max_steps = limit


class Tells(Plain):
    """Says how an episode went at its end, and only then; it has 50 steps."""

    def step(self, action):
        seen, reward, terminated, truncated, info = super().step(action)
        news = {"is_success": terminated, "caption": "You are there." if terminated else "It is dark."}
        return seen, reward, terminated, truncated, {**info, **news} if terminated or truncated else info


class TellsLate(Plain):
    """Says it when it has been played for longer than it is tried."""

    TRIED, all_steps = 64, 0

    def info(self):
        TellsLate.all_steps += 1
        late = TellsLate.all_steps > self.TRIED + 20
        return {"is_success": True, "caption": "Now.", "action_mask": np.ones(2, np.int8)} if late else {}


class TellsSlowly(Plain):
    """Says it in a step that comes after more seconds than it is tried."""

    def step(self, action):
        time.sleep(0.3)
        seen, *rest, info = super().step(action)
        return seen, *rest, {"is_success": False} if self.steps > 25 else info


class BreaksEarly(Plain):
    """Raises in the step before it says anything, in its first episode; its processes have this once each."""

    broken = False

    def step(self, action):
        seen, *rest, info = super().step(action)
        if self.steps == 5 and not BreaksEarly.broken:
            BreaksEarly.broken = True
            raise ValueError("not today")
        return seen, *rest, info


class OldReset(Plain):
    def reset(self, **kinds):
        return super().reset(**kinds)[0]


class OldStep(Plain):
    def step(self, action):
        seen, reward, ended, _, info = super().step(action)
        return seen, reward, ended, info


class NumberedBox(Plain):
    def __init__(self, **kinds):
        super().__init__(**kinds)
        self.action_space = spaces.Box(0, 5, (1,), np.int32)


class NamedActions(Plain):
    def __init__(self, **kinds):
        super().__init__(**kinds)
        self.action_space = spaces.Dict({"walk": spaces.Discrete(2), "talk": spaces.Discrete(2)})


class WideBox(Plain):
    def __init__(self, **kinds):
        super().__init__(**kinds)
        self.observation_space = spaces.Dict({"good": spaces.Discrete(2), "wave": spaces.Box(-1, 1, (2,), np.float128)})


class ManyFields(Plain):
    def __init__(self, **kinds):
        super().__init__(**kinds)
        self.observation_space = spaces.Dict({f"part{i}": spaces.Discrete(2) for i in range(17)})


class Pictures(Plain):
    def __init__(self, shape=(64, 64, 3), **kinds):
        super().__init__(**kinds)
        self.observation_space = spaces.Box(0, 255, tuple(shape), np.uint8)

    def seen(self):
        return np.full(self.observation_space.shape, (self.steps + 16 * self.x) % 256, np.uint8)


class Given(Plain):
    """Its spaces are given in Python's words, and what it shows; it says which action it was given."""

    def __init__(self, seen="Discrete(2)", shown="0", acts="Discrete(2)", **kinds):
        super().__init__(**kinds)
        words = {**vars(spaces), "np": np}
        self.observation_space, self.action_space, self.shown = (eval(text, words) for text in (seen, acts, shown))

    def seen(self):
        return self.shown

    def reset(self, **kinds):
        return super().reset(**kinds)[0], {"caption": "I wait."}

    def step(self, action):
        seen, *rest, info = super().step(1)
        return seen, *rest, {"caption": f"{' '.join(repr(action).split())} is {'an' if self.action_space.contains(action) else 'no'} action."}


class Everything(Plain):
    """All kinds of spaces, masks and captions."""

    def __init__(self, **kinds):
        super().__init__(**kinds)
        self.observation_space = spaces.Dict(
            {
                "picture": spaces.Box(0, 255, (4, 5, 3), np.uint8),
                "place": spaces.Discrete(11, start=-1),
                "far": spaces.Discrete(1000),
                "inner": spaces.Dict({"flags": spaces.MultiBinary(3), "pair": spaces.Tuple((spaces.Discrete(2), spaces.Box(-1, 1, (), np.float64)))}),
                "dice": spaces.MultiDiscrete([3, 7]),
                "message": spaces.Text(80),
            }
        )
        self.action_space = spaces.MultiDiscrete([2, 3])

    def seen(self):
        return {
            "picture": np.full((4, 5, 3), self.steps, np.uint8),
            "place": np.int64(min(self.x, 9)) if self.x >= -1 else -1,
            "far": 999 - self.steps,
            "inner": {"flags": np.array([1, 0, 1], np.int8), "pair": (self.steps % 2, np.float64(0.25))},
            "dice": np.array([2, 6]),
            "message": f"You stand at {self.x}." if self.steps % 2 else "",
        }

    def info(self):
        return {"action_mask": (np.array([self.x < 0, 1], np.int8), np.array([1, 0, self.steps > 2], np.int8)), "is_success": self.x >= self.far}

    def step(self, action):
        assert isinstance(action, np.ndarray) and action[0] == 1 or self.x < 0, f"a masked action: {action}"
        assert action[1] != 1
        return super().step(int(action[0]))


for kind in [kind for kind in list(globals().values()) if isinstance(kind, type) and issubclass(kind, Plain)]:
    gymnasium.register(id=f"{kind.__name__}-v0", entry_point=kind)
gymnasium.register(id="Long-v0", entry_point=Plain, max_episode_steps=2 * 10**9)
gymnasium.register(id="Again-v0", entry_point=lambda **kinds: gymnasium.wrappers.Autoreset(Plain(**kinds)))
