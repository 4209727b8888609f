# SPDX-License-Identifier: MIT
"""Gymnasium environments for an actor of onic. Started by onic itself (actor/envs/gym/gym_spawn.c).

Two descriptors come with the start: 3, a socket of messages, and 4, memory that both sides see. The first message says what to
make; the answer describes it. Then the memory is laid out (one array per kind of thing, a row per environment), and each message
names what to do and the rows to do it for. An answer is one byte; what came out lies in the memory. The socket's end is the end.

An exception breaks the episode of its environment and nothing else: the row says so, with the exception's line, and the
environment is made anew at its next reset. What the environment prints goes to onic's log. A process that it forks has no
socket, and ends when it comes back here.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import importlib
import json
import mmap
import os
import random
import signal
import socket
import sys
import threading
import time
import traceback
from typing import Any, Callable

PROTOCOL = 1
STEP, RESET, RENDER = 1, 2, 3
TERMINATED, TRUNCATED, FAILED, SUCCESS, MASKED = 1, 2, 4, 8, 16
TEXT_MAX = 256
NAMES_MAX = 511  # GYM_WORD_MAX - 1, gym_about.h
LIMIT_MAX = 10**9  # ENV_NO_LIMIT, env.h
TRY_STEPS, TRY_S = 64, 2.0
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15

#: what may come with any step, and what becomes of it when it was not there while the environment was tried
LATE = {
    "caption": 'language feedback is off unless reward.model was given; give one with each step, "" when nothing is said',
    "is_success": "there is no success rate; give it with each step",
    "action_mask": "it is not heeded; give one with each reset and step",
}


class Refused(Exception):
    """What was asked for cannot be made; the text is a sentence for the user."""


_printed: set[str] = set()  # sentences whose traceback stands in the log already


def frames_of(error: BaseException) -> list:
    """Where it came from, without this package and what Gymnasium wraps around an environment."""
    mine = os.path.dirname(__file__)
    return [f for f in traceback.extract_tb(error.__traceback__) if os.path.dirname(f.filename) != mine and f.filename.rsplit(os.sep, 2)[-2:] != ["gymnasium", "core.py"]]


def sentence_of(error: BaseException) -> str:
    """The last line of a traceback, and where the environment was."""
    line = " ".join(traceback.format_exception_only(type(error), error)[-1].split())
    if isinstance(error, SyntaxError) and error.filename:  # nothing of that file has run
        return f"{line} ({os.path.basename(error.filename)}:{error.lineno})"
    frames = frames_of(error)
    return f"{line} ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else line


def print_once(error: BaseException) -> None:
    """The traceback, on its way to onic's log: once for each sentence, and not of hundreds."""
    sentence = sentence_of(error)
    if sentence in _printed or len(_printed) >= 20:
        return
    _printed.add(sentence)
    for frame in frames_of(error):
        print(f'File "{frame.filename}", line {frame.lineno}, in {frame.name}: {frame.line}', file=sys.stderr)
    print(sentence, file=sys.stderr)


def texts_of(value: Any) -> list[str]:
    """All texts in what was JSON, keys too."""
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in texts_of(part)]
    if isinstance(value, list):
        return [text for part in value for text in texts_of(part)]
    return [value] if isinstance(value, str) else []


def cut(text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    return data if len(data) <= TEXT_MAX else data[:TEXT_MAX].decode("utf-8", "ignore").encode()


class Maker:
    """Makes environments of one id, and knows what they have in common."""

    def __init__(self, asked: dict[str, str]):
        try:
            import numpy
            import gymnasium
        except ImportError as error:
            raise Refused(
                f"the interpreter {sys.executable} cannot import {error.name or error}: "
                "pip install gymnasium numpy there, or give --gym.python=PATH of another one"
            ) from None
        except Exception as error:  # a package that was made for another one
            raise Refused(f"the interpreter {sys.executable} cannot import numpy or gymnasium: {sentence_of(error)}") from error
        if not hasattr(gymnasium, "__version__") or int(gymnasium.__version__.split(".")[0]) < 1:
            raise Refused(f"the interpreter {sys.executable} has gymnasium {getattr(gymnasium, '__version__', '?')}; onic needs 1.0 or newer")
        from onic import worker_spaces

        self.np, self.gymnasium, self.spaces = numpy, gymnasium, worker_spaces
        self.name, self.module = asked["name"], asked["module"]
        self.max_steps = int(asked["max_steps"])
        self.options = dict(self._option(pair) for pair in asked["options"].split(";") if pair)
        self._find()

    @staticmethod
    def _option(pair: str) -> tuple[str, Any]:
        key, _, value = pair.partition("=")
        try:
            read = json.loads(value)
        except (ValueError, RecursionError):
            return key, value
        if any(mark in text and mark not in value for text in texts_of(read) for mark in ("/", "~", "..")):
            raise Refused(f"the option {key} hides a path behind escapes: write it as it is")  # whoever looked at it saw none
        return key, read

    def _find(self) -> None:
        registry = self.gymnasium.registry
        if self.module:
            try:
                importlib.import_module(self.module)
            except Exception as error:
                raise Refused(self._not_imported(error)) from error
        if self.name not in registry:
            raise Refused(self._unknown())
        spec = registry[self.name]
        if not self.module and not str(spec.entry_point).startswith("gymnasium.envs."):
            raise Refused(f"{self.name} is not an environment of Gymnasium's own: name its module, gym:MODULE:{self.name}")
        self.spec = spec
        try:
            creator = self.gymnasium.envs.registration.load_env_creator(spec.entry_point) if isinstance(spec.entry_point, str) else spec.entry_point
        except Exception as error:
            raise Refused(f"gym:{self.name} cannot be made: {sentence_of(error)}") from error
        modes = (getattr(creator, "metadata", None) or {}).get("render_modes", [])
        self.ansi = "ansi" in modes and self.options.get("render_mode", "ansi") == "ansi"

    def _not_imported(self, error: BaseException) -> str:
        if isinstance(error, ModuleNotFoundError) and error.name and self.module.split(".")[0] == error.name.split(".")[0]:
            return (
                f"there is no module {self.module} for {sys.executable}: start onic in its folder, set PYTHONPATH, "
                "or install it there (gym.python names another interpreter)"
            )
        return f"the module {self.module} cannot be imported: {sentence_of(error)}"

    def _unknown(self) -> str:
        import difflib

        registry = self.gymnasium.registry
        where = f"the module {self.module} registers no" if self.module else "Gymnasium registers no"
        near = difflib.get_close_matches(self.name, registry, 1)
        hint = f"; the nearest name is {near[0]}" if near else ""
        return f"{where} environment {self.name}{hint}" + ("" if self.module else "; that of a module is gym:MODULE:NAME")

    def make(self) -> Any:
        options = dict(self.options)
        if self.max_steps:
            options["max_episode_steps"] = self.max_steps
        if self.ansi:
            try:
                return self.gymnasium.make(self.name, disable_env_checker=True, **{**options, "render_mode": "ansi"})
            except TypeError as error:  # it declares the mode and does not take it
                if "render_mode" in options or "render_mode" not in str(error):
                    raise
                self.ansi = False
        return self.gymnasium.make(self.name, disable_env_checker=True, **options)


class Description:
    """What the first environment says of itself, and does when it is tried."""

    def __init__(self, maker: Maker, known: dict[str, str], only_ours: Callable[[], None]):
        """known: what an earlier life of this process has found out. Two lives that differed in it would be two environments."""
        self.maker, self.only_ours, self.known = maker, only_ours, "captions" in known
        try:
            self.env = maker.make()
            self.observation = maker.spaces.Observation(self.env.observation_space)
            self.actions = maker.spaces.Actions(self.env.action_space)
            keys = self._try()
        except maker.spaces.Unsupported as error:
            raise Refused(f"gym:{maker.name} cannot be played: {error}") from None
        except Exception as error:
            print_once(error)
            raise Refused(f"gym:{maker.name} cannot be made: {sentence_of(error)}") from error
        self.captions = known["captions"] == "yes" if self.known else self.observation.caption is not None or "caption" in keys
        self.success = known["success"] == "yes" if self.known else "is_success" in keys
        declared = {"caption": self.captions, "is_success": self.success, "action_mask": self.masked or self.actions.options == 0}
        #: keys of info that would be news
        self.late = {key for key in LATE if not declared[key]}

    def _try(self) -> set[str]:
        """Plays until an episode ends, a few steps at most, always the same ones; returns the keys of info that came."""
        np = self.maker.np
        states = random.getstate(), np.random.get_state()
        random.seed(0)
        np.random.seed(0)
        self.actions.space.seed(0)
        try:
            return self._play(time.monotonic() + TRY_S)
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])

    def _play(self, end: float) -> set[str]:
        wanted = {"is_success"} if self.observation.caption is not None else {"caption", "is_success"}
        info = self._info_of("reset", self.env.reset(seed=0), ("observation", "info"))
        self.masked = "action_mask" in info and self.actions.options > 0
        keys, dice = set(info), random.Random(0)
        info, ended = self._step(info, dice)
        keys.update(info)
        try:
            for _ in range(0 if self.known else TRY_STEPS - 1):
                if ended or wanted <= keys or time.monotonic() > end:
                    break
                info, ended = self._step(info, dice)
                keys.update(info)
        except (Exception, SystemExit):  # that breaks an episode, and another is begun in another environment
            self.only_ours()
            with contextlib.suppress(Exception):
                self.env.close()
            self.env = self.maker.make()
        return keys

    def _step(self, info: dict, dice: random.Random) -> tuple[dict, bool]:
        mask = info.get("action_mask") if self.actions.options else None
        action = self.actions.some_action(None if mask is None else self.actions.mask_of(mask), dice)
        step = self.env.step(action)
        self.only_ours()
        info = self._info_of("step", step, ("observation", "reward", "terminated", "truncated", "info"))
        return info, bool(step[2] or step[3])

    def _info_of(self, what: str, returned: Any, wanted: tuple[str, ...]) -> dict:
        """Environments of the old gym return less, which may look like more: an observation of two numbers is a pair, too."""
        if not isinstance(returned, tuple) or len(returned) != len(wanted) or not isinstance(returned[-1], dict):
            raise self.maker.spaces.Unsupported(f"its {what} does not return {', '.join(wanted[:-1])} and {wanted[-1]}, as Gymnasium has it")
        return returned[-1]

    def came_late(self, info: dict) -> None:
        for key in self.late.intersection(info):
            print(f'info["{key}"] was not there when the environment was tried, and so {LATE[key]}', file=sys.stderr)
            self.late.remove(key)

    def limit(self) -> int:
        declared = self.env.spec and self.env.spec.max_episode_steps
        own = getattr(self.env.unwrapped, "max_steps", None)  # MiniGrid counts itself
        limit = int(declared or (own if isinstance(own, int) and own > 0 else 0))
        return limit if limit < LIMIT_MAX else 0

    def names(self) -> str:
        """Names of the actions where the environment has an enumeration of them, as MiniGrid has."""
        members = getattr(getattr(self.env.unwrapped, "actions", None), "__members__", None)
        if members and self.actions.parts == 1 and len(members) == self.actions.options:
            names = ",".join(members)
            return names if len(names.encode()) <= NAMES_MAX else ""
        return ""

    def text(self) -> str:
        yes = {True: "yes", False: "no"}
        return (
            f"ok\nprotocol={PROTOCOL}\ncaptions={yes[self.captions]}\nmasked={yes[self.masked]}\nsuccess={yes[self.success]}\n"
            f"max_steps={self.limit()}\nnames={self.names()}\nobs={self.observation.text()}\nactions={self.actions.text(self.masked)}\n"
        )


class Memory:
    """The shared memory as arrays with a row per environment; `at` has the offset of each."""

    def __init__(self, description: Description, at: dict[str, int]):
        np, rows = description.maker.np, at["rows"]
        self.map = mmap.mmap(4, at["bytes"])
        block = np.frombuffer(self.map, dtype=np.uint8)

        def array(key: str, dtype: Any, width: int = 1) -> Any:
            size = np.dtype(dtype).itemsize
            return block[at[key] : at[key] + rows * width * size].view(dtype)

        self.forked = False
        _, obs_bytes = description.observation.layout()
        if obs_bytes != at["obs_bytes"]:
            raise Refused("onic and its Python package lay out observations differently: install the package of this onic")
        self.seeds, self.seeded = memoryview(array("seeds", np.uint64)), memoryview(array("seeded", np.uint8))
        self.rewards, self.flags = memoryview(array("rewards", np.float64)), memoryview(array("flags", np.uint8))
        self.lengths = memoryview(array("lengths", np.int32))
        self.texts = memoryview(array("texts", np.uint8, TEXT_MAX))
        self.actions = array("actions", description.actions.cells(), description.actions.parts).reshape(rows, -1)
        options = description.actions.options if description.masked else 0
        self.masks = array("masks", np.uint8, options).reshape(rows, options) if options else None
        self.obs = array("obs", np.uint8, obs_bytes).reshape(rows, obs_bytes)

    def only_ours(self) -> None:
        """Before what an environment returned is written: a process that it forked has this memory, too, and may come back late."""
        if self.forked:
            os._exit(0)


class Row:
    """One environment of this process and its place in the memory."""

    def __init__(self, description: Description, memory: Memory, k: int):
        self.description, self.memory, self.k = description, memory, k
        self.env: Any = None
        self.last: Any = None  # observation, for pictures
        self.write = description.observation.writer(memory.obs[k])
        self.action = description.actions.reader(memory.actions[k])
        self.mask = None if memory.masks is None else memory.masks[k]
        self.late = description.late
        self.plain = description.observation.caption is None and self.mask is None and not description.captions

    def _env(self) -> Any:
        if self.env is None:
            d = self.description
            self.env, d.env = (d.env, None) if d.env is not None else (d.maker.make(), None)
            if self.env.observation_space != d.observation_space or self.env.action_space != d.action_space:
                raise d.maker.spaces.Mismatch("its spaces are not those of the first environment of this id")
        return self.env

    def drop(self) -> None:
        env, self.env = self.env, None
        if env is not None:
            try:
                env.close()
            except Exception as error:
                print_once(error)

    def _say(self, text: str) -> None:
        data = cut(text)
        self.memory.texts[self.k * TEXT_MAX : self.k * TEXT_MAX + len(data)] = data
        self.memory.lengths[self.k] = len(data)

    def fail(self, error: BaseException) -> None:
        self.memory.only_ours()
        self.memory.flags[self.k] = FAILED
        self._say(str(error) if isinstance(error, self.description.maker.spaces.Mismatch) else sentence_of(error))
        if not isinstance(error, self.description.maker.spaces.Mismatch):
            print_once(error)
        self.drop()

    def _tell(self, obs: Any, info: dict) -> None:
        """Caption and mask."""
        if not self.late.isdisjoint(info):
            self.description.came_late(info)
        caption = info.get("caption")
        if caption is None:
            caption = self.description.observation.caption_of(obs)
        self._say("" if caption is None else str(caption))
        if self.mask is not None:
            mask = info.get("action_mask")
            self.mask[...] = 1 if mask is None else self.description.actions.mask_of(mask)

    def step(self) -> None:
        memory, k = self.memory, self.k
        obs, reward, terminated, truncated, info = self.env.step(self.action())
        memory.only_ours()
        self.write(obs)
        self.last = obs
        memory.rewards[k] = float(reward)
        if info or not self.plain:
            self._tell(obs, info)
            good = SUCCESS if info.get("is_success") and (terminated or truncated) else 0
        else:
            memory.lengths[k] = good = 0
        memory.flags[k] = (TERMINATED if terminated else 0) | (TRUNCATED if truncated else 0) | good

    def reset(self) -> None:
        memory, k = self.memory, self.k
        seed = int(memory.seeds[k] & 0x7FFFFFFF) if memory.seeded[k] else None
        obs, info = self._env().reset(seed=seed)
        memory.only_ours()
        self.write(obs)
        self.last = obs
        memory.rewards[k], memory.flags[k] = 0.0, 0
        self._tell(obs, info)

    def picture(self) -> str:
        shown = self.description.observation.shown_of(self.last) if self.last is not None else ""
        if self.env is None or not self.description.maker.ansi:
            return shown
        try:
            drawn = self.env.render()
        except Exception as error:
            return f"(no picture: {sentence_of(error)})\n" + shown
        drawn = drawn if isinstance(drawn, str) else "" if drawn is None else str(drawn)
        return drawn + ("" if not drawn or drawn.endswith("\n") else "\n") + shown


class Worker:
    def __init__(self, sock: socket.socket):
        self.sock, self.rows, self.forked = sock, {}, False
        self.main, self.by_main = threading.get_ident(), False
        os.register_at_fork(before=self._before_fork, after_in_child=self._in_fork)

    def _before_fork(self) -> None:
        self.by_main = threading.get_ident() == self.main

    def _in_fork(self) -> None:
        self.forked = True
        for row in self.rows.values():
            row.memory.forked = True
        self.sock.close()
        if self.by_main:  # the signal comes when the thread that forked ends, which another one may do early
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def only_ours(self) -> None:
        if self.forked:
            os._exit(0)

    def begin(self) -> bool:
        """False: refused, and said so."""
        asked = dict(line.split("=", 1) for line in self.sock.recv(1 << 16).decode().splitlines())
        try:
            if asked.get("protocol") != str(PROTOCOL):
                raise Refused("onic and its Python package are of different versions: install the package of this onic")
            self.description = Description(Maker(asked), asked, self.only_ours)
        except Refused as error:
            self.sock.send(b"refused\n" + str(error).encode("utf-8", "replace"))
            return False
        env = self.description.env
        self.description.observation_space, self.description.action_space = env.observation_space, env.action_space
        self.sock.send(self.description.text().encode())
        at = self.sock.recv(1 << 16)
        if not at:
            return False
        self.memory = Memory(self.description, {k: int(v) for k, v in (p.split("=") for p in at.decode().split())})
        gc.freeze()  # what is there now stays: no collection looks at it
        return True

    def row(self, k: int) -> Row:
        if k not in self.rows:
            self.rows[k] = Row(self.description, self.memory, k)
        return self.rows[k]

    def work(self, op: int, rows: Any) -> None:
        for k in rows:
            row = self.row(k)
            try:
                row.step() if op == STEP else row.reset()
            except BaseException as error:  # sys.exit() in an environment ends its episode, not this process
                if self.forked:
                    os._exit(0)
                row.fail(error)
            if self.forked:
                os._exit(0)

    def picture(self, k: int) -> str:
        try:
            picture = self.row(k).picture()
        except BaseException as error:  # a picture is worth no episode
            picture = f"(no picture: {sentence_of(error)})\n"
        if self.forked:
            os._exit(0)
        return picture

    def serve(self) -> None:
        recv, send = self.sock.recv, self.sock.send
        while True:
            message = recv(1 << 16)
            if not message:
                return
            numbers = memoryview(message).cast("H")
            if numbers[0] == RENDER:
                send(b"." + self.picture(numbers[1]).encode("utf-8", "replace")[:60000])
            else:
                self.work(numbers[0], numbers[1:])
                send(b".")

    def end(self) -> None:
        for row in self.rows.values():
            row.drop()


def alone(name: str, count: int, steps: int) -> float:
    """Microseconds of a step of `count` environments in a loop of Python's own, resets included: what the bridge is measured by."""
    import gymnasium

    envs = [gymnasium.make(name, disable_env_checker=True) for _ in range(count)]
    for i, env in enumerate(envs):
        env.reset(seed=i)
        env.action_space.seed(i)
    actions = [[env.action_space.sample() for env in envs] for _ in range(64)]
    begun = time.perf_counter()
    for t in range(steps):
        for env, action in zip(envs, actions[t % 64]):
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset(seed=t)
    return (time.perf_counter() - begun) * 1e6 / (count * steps)


def guard() -> None:
    """A process that ends all others of this one's group when this one is gone: killed with its actor, it cannot end what an environment has started."""
    worker, wake = os.getpid(), {signal.SIGUSR1}
    if os.getpgrp() != worker:
        return  # started by hand
    signal.pthread_sigmask(signal.SIG_BLOCK, wake)
    try:
        child = os.fork()
    except OSError:  # no room for it; the actor will find none either
        child = worker
    if child == 0:
        system = ctypes.CDLL(None)
        system.prctl(PR_SET_PDEATHSIG, signal.SIGUSR1)
        system.prctl(PR_SET_NAME, b"onic-gym-guard")
        os.closerange(0, 5)
        while os.getppid() == worker:
            signal.sigwait(wake)
        os.killpg(0, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, wake)


def main() -> int:
    if sys.argv[1:2] == ["--alone"]:
        print(alone(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])), flush=True)
        return 0
    guard()
    for fd in (3, 4):
        os.set_inheritable(fd, False)
    faulthandler.enable()
    sys.stdout.reconfigure(line_buffering=True)
    worker = Worker(socket.socket(fileno=3))
    try:
        if worker.begin():
            worker.serve()
        worker.end()
    except (BrokenPipeError, ConnectionResetError):
        pass  # onic is gone
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    code = main()
    os._exit(code)  # threads of an environment do not keep it
