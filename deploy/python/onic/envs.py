# SPDX-License-Identifier: MIT
"""onic's own environments, written in C, as Gymnasium environments.

>>> import gymnasium, onic.envs
>>> world = gymnasium.make("onic/KeyCorridorS3R3-v0")
>>> worlds = gymnasium.make_vec("onic/KeyCorridorS3R3-v0", num_envs=256)
>>> seen, info = worlds.reset(seed=1)        # level 1, 2, ... of the package minigrid, cell by cell
>>> info["caption"]                          # what happened, in words

They live in ``libonic_env.so``, which comes with onic: that of the wheel onic-bin is found, and ``ONIC_LIB`` says where another one
is. Observations are the fields that onic's policies read, so ``onic.Policy`` and exported models take them as they are. A family's other environments, plug-ins among them:
``gymnasium.make("onic/World-v0", world="corridor:32", options={"env.plugin": "./lake.so"})``.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from onic._version import __version__
from onic.errors import OnicError, need

gymnasium = need("gymnasium", "onic.envs", "gym")
need("gymnasium.vector", "onic.envs", "gym")

ABI = 1
CAPTION = 257
_SEEDS = 2**64

_MINIGRID = """Empty-5x5 Empty-Random-5x5 Empty-6x6 Empty-Random-6x6 Empty-8x8 Empty-16x16 FourRooms DoorKey-5x5 DoorKey-6x6 DoorKey-8x8
DoorKey-16x16 Unlock UnlockPickup BlockedUnlockPickup KeyCorridorS3R1 KeyCorridorS3R2 KeyCorridorS3R3 KeyCorridorS4R3 KeyCorridorS5R3
KeyCorridorS6R3 MultiRoom-N2-S4 MultiRoom-N4-S5 MultiRoom-N6 ObstructedMaze-1Dl ObstructedMaze-1Dlh ObstructedMaze-1Dlhb
ObstructedMaze-2Dl ObstructedMaze-2Dlh ObstructedMaze-2Dlhb ObstructedMaze-1Q ObstructedMaze-2Q ObstructedMaze-Full""".split()
_NETHACK = """Score Gold RewardFree StaircaseLvl2 StaircaseLvl3 StaircaseLvl4 Oracle OracleSober StaircaseLvl2-Continual
StaircaseLvl3-Continual StaircaseLvl4-Continual Oracle-Continual OracleSober-Continual""".split()
_OTHERS = ["cartpole", "corridor", "corridor:8", "corridor:32", "corridor:64", "pendulum", "tiles", "tiles:colours"]

#: Gymnasium's name -> onic's id, of everything that is registered
WORLDS: dict[str, str] = {
    **{f"onic/{name}-v0": f"minigrid:{name}" for name in _MINIGRID},
    **{f"onic/NetHack{name}-v0": f"nethack:{name}" for name in _NETHACK},
    **{f"onic/{name.replace(':', '-')}-v0": name for name in _OTHERS},
}


class _Arrays(ctypes.Structure):
    """struct onic_envs_arrays."""

    _fields_ = [
        (name, ctypes.c_void_p)
        for name in (
            "obs reward terminated truncated failed success was_reset caption_size caption possible steps statistics "
            "final_obs final_caption_size final_caption final_steps final_statistics"
        ).split()
    ] + [("obs_bytes", ctypes.c_size_t)]


# --- the library -----------------------------------------------------------------------------------------------------------------


def _library_path() -> pathlib.Path:
    given = os.environ.get("ONIC_LIB")
    if given:
        path = pathlib.Path(given)
        path = path / "libonic_env.so" if path.is_dir() else path
        if not path.exists():
            raise OnicError(f"ONIC_LIB is {given!r}, and there is no libonic_env.so: set it to that file of an onic build or installation")
        return path
    here = pathlib.Path(__file__).resolve()
    programs = importlib.util.find_spec("onic_bin")  # the wheel of the programs
    wheel = [pathlib.Path(place) / "prefix/lib" for place in (programs and programs.submodule_search_locations) or []]
    for folder in [*(parent / "build" for parent in list(here.parents)[3:4]), *wheel, *(parent / "lib" for parent in here.parents)]:
        if (folder / "libonic_env.so").exists():
            return folder / "libonic_env.so"
    raise OnicError(
        "libonic_env.so is not found: install the wheel onic-bin beside this package, or build onic (cmake -S . -B build && "
        "cmake --build build --target onic_env) and set ONIC_LIB=CHECKOUT/build/libonic_env.so, or PREFIX/lib/libonic_env.so of an installation"
    )


@functools.cache
def _library(path: str) -> ctypes.CDLL:
    try:
        lib = ctypes.CDLL(path)
        abi = lib.onic_envs_abi()
    except (OSError, AttributeError) as error:
        raise OnicError(f"{path} cannot be used as onic's library of environments: {error}") from error
    lib.onic_envs_version.restype = ctypes.c_char_p
    if abi != ABI:
        there = lib.onic_envs_version().decode()
        raise OnicError(
            f"{path} is of onic {there} and speaks version {abi} of its interface, and this package is of {__version__} and speaks "
            f"{ABI}: install package and library of one version"
        )
    pointer, number, size = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
    for name, result, *arguments in [
        ("list", ctypes.c_char_p),
        ("create", pointer, ctypes.c_char_p, number, ctypes.c_uint64, ctypes.c_char_p, ctypes.c_char_p, size),
        ("close", None, pointer),
        ("describe", ctypes.c_char_p, pointer),
        ("error", ctypes.c_char_p, pointer),
        ("arrays", ctypes.POINTER(_Arrays), pointer),
        ("reset", number, pointer, pointer, pointer),
        ("step", number, pointer, pointer, number),
        ("save", number, pointer, number, pointer),
        ("load", number, pointer, number, pointer),
        ("render", ctypes.c_int64, pointer, number, pointer, size),
        ("draw", ctypes.c_int64, pointer, number, pointer, size, ctypes.POINTER(number), ctypes.POINTER(number)),
    ]:
        function = getattr(lib, f"onic_envs_{name}")
        function.restype, function.argtypes = result, arguments
    return lib


def worlds() -> list[str]:
    """Ids of all environments of the library, as ``world=`` takes them."""
    lib = _library(str(_library_path()))
    return lib.onic_envs_list().decode().split()


def _nethack_folder() -> str | None:
    """Of NetHack's library in the fetched cache of a checkout or in the package nle of this Python."""
    given = os.environ.get("ONIC_CACHE")
    checkout = list(pathlib.Path(__file__).resolve().parents)[3:4]  # an installed package may lie where there are fewer
    for cache in [pathlib.Path(given)] if given else [folder / "build/cache" for folder in checkout]:
        if (cache / "nle-1.3.0/libnethack.so").exists():
            return str(cache / "nle-1.3.0")
    spec = importlib.util.find_spec("nle")
    if spec is None or not spec.submodule_search_locations:
        return None
    file = pathlib.Path(spec.submodule_search_locations[0]) / "libnethack.so"
    return str(file) if file.exists() else None


# --- one vector of C -------------------------------------------------------------------------------------------------------------


class _Field:
    """A field of the observation: a view into the rows of C."""

    def __init__(self, text: str, offset: str):
        name, kind, shape = re.fullmatch(r"\s*(\S+) (\w+)\[([\d,]+)\]", text).groups()
        self.name, self.dtype, self.offset = name, np.dtype(kind), int(offset)
        self.shape = tuple(map(int, shape.split(",")))

    def view(self, rows: np.ndarray) -> np.ndarray:
        n = len(rows)
        strides = np.empty(self.shape, self.dtype).strides
        return np.ndarray((n, *self.shape), self.dtype, rows, self.offset, (rows.strides[0], *strides))

    def space(self) -> Any:
        if self.dtype.kind == "f":
            return gymnasium.spaces.Box(-np.inf, np.inf, self.shape, self.dtype)
        limits = np.iinfo(self.dtype)
        return gymnasium.spaces.Box(limits.min, limits.max, self.shape, self.dtype)


def _action_space(text: str) -> tuple[Any, bool, list[int]]:
    """Space, whether it is masked, options of each part."""
    masked = text.endswith(" masked")
    text = text.removesuffix(" masked")
    if text.startswith("continuous "):
        bounds = [pair.split(":") for pair in text.split(" ")[1].split(",")]
        low, high = (np.array([float(pair[i]) for pair in bounds], np.float32) for i in (0, 1))
        return gymnasium.spaces.Box(low, high, dtype=np.float32), False, []
    if text.startswith("multi "):
        options = [int(n) for n in text.split(" ")[1].split(",")]
        return gymnasium.spaces.MultiDiscrete(options), masked, options
    return gymnasium.spaces.Discrete(int(text)), masked, [int(text)]


class _Worlds:
    """n environments of C, their arrays as NumPy sees them."""

    def __init__(self, world: str, n: int, options: dict[str, Any] | None):
        self._handle = None
        self.lib = _library(str(_library_path()))
        words = {key: str(value) for key, value in (options or {}).items()}
        if world.startswith("nethack") and "env.nle" not in words and _nethack_folder():
            words["env.nle"] = _nethack_folder()
        error = ctypes.create_string_buffer(1024)
        text = "\n".join(f"{key}={value}" for key, value in words.items()).encode()
        seed = int.from_bytes(os.urandom(8), "little")
        self._handle = self.lib.onic_envs_create(world.encode(), n, seed, text, error, len(error))
        if not self._handle:
            raise OnicError(error.value.decode(errors="replace"))
        self.n = n
        self.facts = dict(line.split(": ", 1) for line in self.lib.onic_envs_describe(self._handle).decode().splitlines() if ": " in line)
        self.fields = [_Field(*pair) for pair in zip(self.facts["observation"].split(";"), self.facts["offsets"].split(","))]
        self.actions, self.masked, self.options = _action_space(self.facts["actions"])
        self.statistics_names = [name for name in self.facts.get("statistics", "").split(",") if name]
        self._map()

    def _map(self) -> None:
        a, n = self.lib.onic_envs_arrays(self._handle).contents, self.n
        row, count = a.obs_bytes, len(self.statistics_names)
        shapes = {
            "obs": (np.uint8, (n, row)), "final_obs": (np.uint8, (n, row)), "reward": (np.float64, (n,)),
            "caption": (np.uint8, (n, CAPTION)), "final_caption": (np.uint8, (n, CAPTION)),
            "caption_size": (np.int32, (n,)), "final_caption_size": (np.int32, (n,)), "steps": (np.int32, (n,)),
            "final_steps": (np.int32, (n,)), "possible": (np.int8, (n, sum(self.options))),
            "statistics": (np.float32, (n, count)), "final_statistics": (np.float32, (n, count)),
        }
        for name, _ in _Arrays._fields_[:-1]:
            address = getattr(a, name)
            dtype, shape = shapes.get(name, (np.bool_, (n,)))
            if not address:
                setattr(self, name, None)
                continue
            size = int(np.prod(shape)) * np.dtype(dtype).itemsize
            memory = (ctypes.c_uint8 * size).from_address(address)
            setattr(self, name, np.frombuffer(memory, dtype).reshape(shape))
        self.seen = [(field.name, field.view(self.obs)) for field in self.fields]

    def close(self) -> None:
        handle, self._handle = self._handle, None
        if handle:
            for name, _ in _Arrays._fields_[:-1]:
                setattr(self, name, None)
            self.seen = []
            self.lib.onic_envs_close(handle)

    __del__ = close

    def check(self, rc: int) -> None:
        if rc < 0:
            raise OnicError(self.lib.onic_envs_error(self._handle).decode(errors="replace"))

    def open(self) -> ctypes.c_void_p:
        if not self._handle:
            raise OnicError("the environment is closed")
        return self._handle

    def reset(self, which: np.ndarray | None, seeds: np.ndarray | None) -> None:
        which = None if which is None else np.ascontiguousarray(which, np.uint8)
        self.check(
            self.lib.onic_envs_reset(
                self.open(), None if which is None else which.ctypes.data, None if seeds is None else seeds.ctypes.data
            )
        )

    def step(self, actions: np.ndarray, mode: int) -> None:
        self.check(self.lib.onic_envs_step(self.open(), actions.ctypes.data, mode))

    def cells(self, actions: Any) -> np.ndarray:
        """Actions [n, parts] as C reads them."""
        wanted = np.float32 if not self.options else np.int32
        cells = np.ascontiguousarray(actions)
        if self.options and cells.dtype.kind not in "iu":
            raise OnicError(f"actions are whole numbers here, not {cells.dtype}")
        cells = np.ascontiguousarray(cells, wanted).reshape(-1)
        parts = len(self.options) or self.actions.shape[0]
        if cells.size != self.n * parts:
            raise OnicError(f"{self.n} environments take {self.n * parts} numbers as actions, not {cells.size}")
        return cells

    def text(self, rows: np.ndarray, sizes: np.ndarray, i: int) -> str:
        return rows[i, : sizes[i]].tobytes().decode("latin-1" if self.facts["id"].startswith("nethack") else "utf-8", "replace")

    def statistics_of(self, values: np.ndarray, i: int) -> dict[str, float]:
        return {name: float(v) for name, v in zip(self.statistics_names, values[i])}

    def render(self, i: int, mode: str | None) -> Any:
        if mode == "ansi":
            needed = self.lib.onic_envs_render(self.open(), i, None, 0)
            self.check(needed)
            out = ctypes.create_string_buffer(needed + 1)
            self.lib.onic_envs_render(self.open(), i, out, len(out))
            return out.value.decode(errors="replace")
        if mode == "rgb_array":
            width, height = ctypes.c_int(), ctypes.c_int()
            needed = self.lib.onic_envs_draw(self.open(), i, None, 0, width, height)
            self.check(needed)
            picture = np.zeros((height.value, width.value, 3), np.uint8)
            self.lib.onic_envs_draw(self.open(), i, picture.ctypes.data, picture.nbytes, width, height)
            return picture
        return None

    def save(self, i: int) -> bytes:
        state = np.zeros(int(self.facts["state_bytes"]), np.uint8)
        self.check(self.lib.onic_envs_save(self.open(), i, state.ctypes.data))
        return state.tobytes()

    def load(self, i: int, state: bytes) -> None:
        if len(state) != int(self.facts["state_bytes"]):
            raise OnicError(f"a snapshot of {self.facts['id']} has {self.facts['state_bytes']} bytes, not {len(state)}")
        self.check(self.lib.onic_envs_load(self.open(), i, np.frombuffer(state, np.uint8).ctypes.data))

    def render_modes(self) -> list[str]:
        return [mode for mode, fact in (("ansi", "render"), ("rgb_array", "draw")) if self.facts[fact] == "yes"]

    def observation_space(self) -> Any:
        return gymnasium.spaces.Dict({field.name: field.space() for field in self.fields})


# --- Gymnasium -------------------------------------------------------------------------------------------------------------------


class OnicEnv(gymnasium.Env):
    """One environment.

    world: its id in onic, as ``onic env list`` has it. options: of onic's section env, as ``{"env.obs": "image"}``.
    info has ``caption``, with masks ``action_mask``, and at the end of an episode ``success`` and ``statistics``, where the world
    has them. ``save_state()`` and ``load_state(state)`` are exact, where the world has snapshots.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 6}
    _worlds: Any = None

    def __init__(self, world: str = "minigrid:KeyCorridorS3R3", render_mode: str | None = None, options: dict[str, Any] | None = None):
        self._worlds = _Worlds(world, 1, options)
        self._cell = np.zeros(1, np.int32)
        self.metadata = {**type(self).metadata, "render_modes": self._worlds.render_modes()}
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise OnicError(f"{world} has no render_mode {render_mode!r}, it has {', '.join(self.metadata['render_modes']) or 'none'}")
        self.render_mode = render_mode
        self.observation_space = self._worlds.observation_space()
        self.action_space = self._worlds.actions

    def _observation(self) -> dict[str, np.ndarray]:
        return {name: view[0].copy() for name, view in self._worlds.seen}

    def _info(self, ended: bool) -> dict[str, Any]:
        w = self._worlds
        info: dict[str, Any] = {"caption": w.text(w.caption, w.caption_size, 0) if w.caption_size[0] else ""}
        if w.masked:
            parts = np.split(w.possible[0].copy(), np.cumsum(w.options)[:-1])
            info["action_mask"] = tuple(parts) if len(parts) > 1 else parts[0]
        if ended and w.facts["success"] == "yes":
            info["success"] = bool(w.success[0])
        if ended and w.statistics is not None:
            info["statistics"] = w.statistics_of(w.statistics, 0)
        return info

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        super().reset(seed=seed)
        self._worlds.reset(None, None if seed is None else np.array([seed % _SEEDS], np.uint64))
        return self._observation(), self._info(False)

    def step(self, action: Any) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        w = self._worlds
        if len(w.options) == 1 and isinstance(action, (int, np.integer)):  # the usual case, in half the time
            self._cell[0] = max(-1, min(action, 2**31 - 1))
            w.step(self._cell, 0)
        else:
            w.step(w.cells(action), 0)
        terminated, truncated = bool(w.terminated[0]), bool(w.truncated[0])
        return self._observation(), float(w.reward[0]), terminated, truncated, self._info(terminated or truncated)

    def render(self) -> Any:
        return self._worlds.render(0, self.render_mode)

    def save_state(self) -> bytes:
        return self._worlds.save(0)

    def load_state(self, state: bytes) -> dict[str, np.ndarray]:
        """Goes on where ``save_state`` was; returns the observation."""
        self._worlds.load(0, state)
        return self._observation()

    def close(self) -> None:
        if self._worlds is not None:
            self._worlds.close()


class OnicVectorEnv(gymnasium.vector.VectorEnv):
    """Environments of one kind, stepped together in C: ``gymnasium.make_vec("onic/...", num_envs=256)``.

    autoreset_mode: as Gymnasium's, a member or its value ("NextStep", "SameStep", "Disabled"). copy: give arrays of their own
    and not views that the next step overwrites. info has ``caption`` (strings, with ``_caption`` where there is one),
    ``action_mask`` [n, options], and of environments that end ``success`` and the task's ``statistics``.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 6}
    _worlds: Any = None

    def __init__(
        self,
        world: str = "minigrid:KeyCorridorS3R3",
        num_envs: int = 1,
        render_mode: str | None = None,
        options: dict[str, Any] | None = None,
        autoreset_mode: Any = "NextStep",
        copy: bool = True,
    ):
        modes = getattr(gymnasium.vector, "AutoresetMode", None)
        if modes is None:
            raise OnicError(f"vectors of onic's environments need gymnasium 1.1 or newer, this is {gymnasium.__version__}: pip install -U gymnasium")
        mode = autoreset_mode if isinstance(autoreset_mode, modes) else modes(autoreset_mode)
        self._worlds = w = _Worlds(world, num_envs, options)
        self.num_envs, self.render_mode, self._copy = num_envs, render_mode, copy
        self._mode = {modes.DISABLED: 0, modes.NEXT_STEP: 1, modes.SAME_STEP: 2}[mode]
        self.metadata = {"render_modes": w.render_modes(), "render_fps": 6, "autoreset_mode": mode}
        self.single_observation_space, self.single_action_space = w.observation_space(), w.actions
        self.observation_space = gymnasium.vector.utils.batch_space(self.single_observation_space, num_envs)
        self.action_space = gymnasium.vector.utils.batch_space(self.single_action_space, num_envs)

    def _observation(self) -> dict[str, np.ndarray]:
        return {name: view.copy() if self._copy else view for name, view in self._worlds.seen}

    def _captions(self, rows: np.ndarray, sizes: np.ndarray, where: np.ndarray, info: dict[str, Any]) -> None:
        captions = np.full(self.num_envs, "", object)
        said = (sizes > 0) & where
        for i in np.flatnonzero(said):
            captions[i] = self._worlds.text(rows, sizes, i)
        info["caption"], info["_caption"] = captions, said

    def _ends(self, values: np.ndarray | None, ended: np.ndarray, info: dict[str, Any]) -> None:
        w = self._worlds
        if w.facts["success"] == "yes":
            info["success"], info["_success"] = w.success & ended, ended
        if values is not None:
            info["statistics"] = {name: values[:, i].copy() for i, name in enumerate(w.statistics_names)}
            info["_statistics"] = ended

    def _info(self, where: np.ndarray) -> dict[str, Any]:
        w, info = self._worlds, {}
        self._captions(w.caption, w.caption_size, where, info)
        if w.masked:
            info["action_mask"], info["_action_mask"] = w.possible.copy(), np.ones(self.num_envs, np.bool_)
        return info

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        which = options.get("reset_mask") if options else None
        if which is not None and (which.shape != (self.num_envs,) or which.dtype != np.bool_):
            raise OnicError(f"options['reset_mask'] must be {self.num_envs} bools, not {which.dtype} of shape {which.shape}")
        if seed is None or isinstance(seed, (int, np.integer)):
            super().reset(seed=None if seed is None else int(seed))
            seeds = None if seed is None else [int(seed) + i for i in range(self.num_envs)]
        else:
            seeds = list(seed)
            if len(seeds) != self.num_envs:
                raise OnicError(f"{self.num_envs} environments take as many seeds, not {len(seeds)}")
        here = np.ones(self.num_envs, np.bool_) if which is None else which
        self._reset_seeded(here, seeds)
        return self._observation(), self._info(here)

    def _reset_seeded(self, here: np.ndarray, seeds: list[int | None] | None) -> None:
        given = np.array([seeds is not None and s is not None for s in seeds or [None] * self.num_envs])
        numbers = np.array([(s or 0) % _SEEDS for s in seeds or [0] * self.num_envs], np.uint64)
        if (here & given).any():
            self._worlds.reset(here & given, numbers)
        if (here & ~given).any():
            self._worlds.reset(here & ~given, None)

    def step(self, actions: Any) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        w = self._worlds
        w.step(w.cells(actions), self._mode)
        terminated, truncated = w.terminated.copy(), w.truncated.copy()
        ended = terminated | truncated
        info = self._info(np.True_)
        if ended.any() and self._mode == 2:
            self._final(ended, info)
        elif ended.any():
            self._ends(w.statistics, ended, info)
        return self._observation(), w.reward.copy(), terminated, truncated, info

    def _final(self, ended: np.ndarray, info: dict[str, Any]) -> None:
        """As Gymnasium's own vectors: final_obs is an array of observations, final_info what info was."""
        w, final = self._worlds, {}
        views = [(field.name, field.view(w.final_obs)) for field in w.fields]
        info["final_obs"] = np.full(self.num_envs, None, object)
        for i in np.flatnonzero(ended):
            info["final_obs"][i] = {name: view[i].copy() for name, view in views}
        self._captions(w.final_caption, w.final_caption_size, ended, final)
        self._ends(w.final_statistics, ended, final)
        info["final_info"], info["_final_obs"], info["_final_info"] = final, ended, ended

    def render(self) -> tuple[Any, ...] | None:
        if self.render_mode is None:
            return None
        return tuple(self._worlds.render(i, self.render_mode) for i in range(self.num_envs))

    def save_state(self, i: int) -> bytes:
        return self._worlds.save(i)

    def load_state(self, i: int, state: bytes) -> None:
        self._worlds.load(i, state)

    def close_extras(self, **kwargs: Any) -> None:
        if self._worlds is not None:
            self._worlds.close()


def register() -> None:
    """Makes all names known to Gymnasium; done by importing this module, and only once."""
    names = {**WORLDS, "onic/World-v0": None}
    for name, world in names.items():
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                entry_point="onic.envs:OnicEnv",
                vector_entry_point="onic.envs:OnicVectorEnv",
                kwargs={"world": world} if world else {},
            )


register()
