# SPDX-License-Identifier: MIT
"""What a Gymnasium environment sees and takes, as onic has it: named arrays of numbers, and actions in cells.

A Dict or Tuple becomes one field per leaf, named by the way to it (``inventory_arrows``); at most 16 of them, of at most three
dimensions. Box keeps its type where onic has it (images stay uint8), float64 becomes float32. Discrete, MultiDiscrete and
MultiBinary become bytes that count from 0. A Text is a caption; where there is nothing but text, its words are the observation.
"""

from __future__ import annotations

import math
import random
import re
import zlib
from operator import index
from typing import Any, Callable, Iterator

import numpy as np
from gymnasium import spaces

FIELDS_MAX, DIMS_MAX, NAME_MAX, PARTS_MAX, WORDS = 16, 3, 23, 64, 128
ELEMENTS_MAX, OPTIONS_MAX = 1 << 24, 4096  # of a field (env_describe.c), of an action (BOUND_ACTIONS)

# NumPy's types for those of onic's obs_spec.h; what is not here is converted as _KEPT says.
TYPES = {"uint8": np.uint8, "int8": np.int8, "int16": np.int16, "int32": np.int32, "int64": np.int64, "float32": np.float32}
_KEPT = {"bool": "uint8", "uint16": "int32", "uint32": "int64", "uint64": "int64", "float16": "float32", "float64": "float32"}


class Unsupported(Exception):
    """A space that onic has no place for; the text says which."""


class Mismatch(Exception):
    """A value that is not what its space declares; the text says which field."""


def is_text(space: Any) -> bool:
    return isinstance(space, spaces.Text) or (space.dtype is not None and np.dtype(space.dtype).kind == "U")


def _leaves(space: Any, path: tuple) -> Iterator[tuple[tuple, Any]]:
    if isinstance(space, spaces.Dict):
        for key, part in space.spaces.items():
            yield from _leaves(part, (*path, key))
    elif isinstance(space, spaces.Tuple):
        for i, part in enumerate(space.spaces):
            yield from _leaves(part, (*path, i))
    else:
        yield path, space


def _name(path: tuple, space: Any, taken: set[str]) -> str:
    if path:
        name = re.sub(r"\W", "_", "_".join(f"part{p}" if isinstance(p, int) else str(p) for p in path), flags=re.A)
    else:
        picture = isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) == 3
        name = "image" if picture else "state"
    name, plain, n = name[:NAME_MAX] or "field", name, 2
    while name in taken:
        name, n = f"{plain[:NAME_MAX - 4]}_{n}", n + 1
    taken.add(name)
    return name


def _at(value: Any, path: tuple) -> Any:
    for key in path:
        value = value[key]
    return value


class Field:
    """One array of the observation: where it comes from, how it is laid out, and what may stand in it."""

    def __init__(self, name: str, path: tuple, space: Any):
        self.name, self.path, self.space = name, path, space
        self.low: Any = 0  # what counts as 0
        self.high: Any = None  # first value that is too large, of whole numbers counted from `low`
        if isinstance(space, spaces.Discrete):
            self.declared, self.low, self.high = (), int(space.start), int(space.n)
        elif isinstance(space, spaces.MultiDiscrete):
            self.declared, self.low, self.high = space.shape, np.asarray(space.start), np.asarray(space.nvec)
        elif isinstance(space, spaces.MultiBinary):
            self.declared, self.high = tuple(space.shape), np.full(space.shape, 2)
        elif isinstance(space, spaces.Box):
            self.declared = space.shape
        else:
            raise Unsupported(f"the field '{name}' is a {type(space).__name__}; make it Box, Discrete, MultiDiscrete, MultiBinary or Text")
        self.type = self._type()
        shape = self.declared or (1,)
        if len(shape) > DIMS_MAX:
            shape = (*shape[: DIMS_MAX - 1], int(np.prod(shape[DIMS_MAX - 1 :])))
        if min(shape) < 1 or max(shape) > 1000000:
            raise Unsupported(f"the field '{name}' has the shape {list(shape)}, which holds nothing, or more than a million of a kind")
        self.shape = tuple(int(n) for n in shape)
        elements = math.prod(self.shape)
        if elements > ELEMENTS_MAX:
            raise Unsupported(f"the field '{name}' has {elements} elements, onic takes {ELEMENTS_MAX} at most")

    def _type(self) -> str:
        if self.high is not None:
            largest = int(np.max(self.high))
            return "uint8" if largest <= 256 else "int16" if largest <= 32768 else "int32" if largest < 2**31 else "int64"
        kind = np.dtype(self.space.dtype).name
        kind = _KEPT.get(kind, kind)
        if kind not in TYPES:
            raise Unsupported(f"the field '{self.name}' is a Box of {kind}; onic has {', '.join(TYPES)}")
        return kind

    def text(self) -> str:
        return f"{self.name} {self.type}[{','.join(map(str, self.shape))}]"

    def nbytes(self) -> int:
        return int(np.prod(self.shape)) * np.dtype(TYPES[self.type]).itemsize

    def _strange(self, why: str) -> Mismatch:
        return Mismatch(f"the field '{self.name}' {why}")

    def _fitter(self) -> tuple[np.dtype, Callable[[np.ndarray], None]]:
        """The type whose numbers are kept as they are, and a check for those of any other: none may become another number."""
        own = np.dtype(self.space.dtype)
        kind = own if self.high is None else np.dtype(np.int64)
        if kind.kind == "f":
            return own, lambda value: None
        first, last = (0, 1) if kind.kind == "b" else (int(np.iinfo(kind).min), min(int(np.iinfo(kind).max), 2**63 - 1))

        def check(value: np.ndarray) -> None:
            if kind != np.uint64 and np.can_cast(value.dtype, kind):
                return
            for number in (int(value.min()), int(value.max())):
                if not first <= number <= last:
                    raise self._strange(f"holds {number}, its type says {first} to {last}")

        return own if own != np.uint64 else np.dtype(bool), check

    def writer(self, view: np.ndarray) -> Callable[[Any], None]:
        """A function that checks a value and writes it into `view`, which has this field's shape and type."""
        if isinstance(self.space, spaces.Discrete):
            return self._number_writer(view)
        declared, kinds, flat = self.declared, "biu" if self.type != "float32" else "biuf", view.shape != self.declared
        low, high, (own, check) = self.low, self.high, self._fitter()

        def write(value: Any) -> None:
            if type(value) is not np.ndarray:
                value = np.asarray(value)
            if value.shape != declared:
                raise self._strange(f"has the shape {list(value.shape)}, its space says {list(declared)}")
            if value.dtype.kind not in kinds:
                raise self._strange(f"holds {value.dtype}, its space says {self.space.dtype}")
            if value.dtype != own:
                check(value)
            if high is not None:
                value = value.astype(np.int64) - low
                if (value < 0).any() or (value >= high).any():
                    raise self._strange("is outside of its space")
            view[...] = value.reshape(view.shape) if flat else value

        return write

    def _number_writer(self, view: np.ndarray) -> Callable[[Any], None]:
        low, high, cell = self.low, self.high, memoryview(view.reshape(1))

        def whole(value: Any) -> int:
            array = np.asarray(value)
            if array.size != 1 or array.dtype.kind not in "biu":
                raise self._strange(f"is {str(value)[:80]}, its space says whole numbers from {low} to {low + high - 1}")
            return int(array.item())

        def write(value: Any) -> None:
            try:
                number = index(value) - low
            except TypeError:  # a bool of NumPy, or an array of one number
                number = whole(value) - low
            if not 0 <= number < high:
                raise self._strange(f"is {value}, its space says {low} to {low + high - 1}")
            cell[0] = number

        return write


class Words:
    """The observation of a world of text alone: which words are in it, by their hash."""

    name, type, shape = "words", "float32", (WORDS,)

    def __init__(self, paths: list[tuple]):
        self.paths, self.path = paths, ()

    def text(self) -> str:
        return f"{self.name} {self.type}[{WORDS}]"

    def nbytes(self) -> int:
        return WORDS * 4

    def writer(self, view: np.ndarray) -> Callable[[Any], None]:
        def write(value: Any) -> None:
            view[...] = 0
            for path in self.paths:
                for word in re.findall(r"\w+", str(_at(value, path)).lower()):
                    view[zlib.crc32(word.encode()) % WORDS] = 1

        return write


class Observation:
    """The fields of a space and the texts beside them."""

    def __init__(self, space: Any):
        taken: set[str] = set()
        self.fields: list[Any] = []
        texts: list[tuple[str, tuple, Any]] = []
        for path, leaf in _leaves(space, ()):
            name = _name(path, leaf, taken)
            if is_text(leaf):
                texts.append((name, path, leaf))
            else:
                self.fields.append(Field(name, path, leaf))
        if not self.fields and texts:
            self.fields.append(Words([path for _, path, _ in texts]))
        if not self.fields or len(self.fields) > FIELDS_MAX:
            raise Unsupported(f"the observation has {len(self.fields)} fields, onic takes 1 to {FIELDS_MAX}")
        spoken = [(name, path) for name, path, leaf in texts if isinstance(leaf, spaces.Text)]
        named = [path for name, path in spoken if name in ("caption", "message", "text")]
        #: where the caption of a step stands, None: nowhere
        self.caption = named[0] if named else spoken[0][1] if spoken else None
        #: texts that are no captions, for people: a mission
        self.shown = [(name, path) for name, path, leaf in texts if path != self.caption]

    def text(self) -> str:
        return "; ".join(field.text() for field in self.fields)

    def layout(self) -> tuple[list[int], int]:
        """Offset of each field, aligned to its element, and the bytes of all: as obs_spec_add has it."""
        at, offsets = 0, []
        for field in self.fields:
            size = np.dtype(TYPES[field.type]).itemsize
            at = (at + size - 1) // size * size
            offsets.append(at)
            at += field.nbytes()
        return offsets, (at + 7) // 8 * 8

    def writer(self, block: np.ndarray) -> Callable[[Any], None]:
        """A function that writes an observation into `block`, an array of bytes."""
        offsets, _ = self.layout()
        parts = []
        for field, offset in zip(self.fields, offsets):
            view = block[offset : offset + field.nbytes()].view(TYPES[field.type]).reshape(field.shape)
            parts.append((field.path, field.writer(view)))
        if len(parts) == 1 and not parts[0][0]:
            return parts[0][1]
        if all(len(path) == 1 for path, _ in parts):
            plain = [(path[0], write) for path, write in parts]

            def write_plain(value: Any) -> None:
                for key, write in plain:
                    write(value[key])

            return write_plain

        def write_all(value: Any) -> None:
            for path, write in parts:
                write(_at(value, path))

        return write_all

    def caption_of(self, value: Any) -> Any:
        return None if self.caption is None else _at(value, self.caption)

    def shown_of(self, value: Any) -> str:
        return "".join(f"{name}: {_at(value, path)}\n" for name, path in self.shown)


class Actions:
    """The action space in onic's words, and an action of it out of cells of four bytes."""

    def __init__(self, space: Any):
        self.space, self.options = space, 0
        if isinstance(space, spaces.Discrete):
            self.parts, self.options = 1, int(space.n)
            self._text = str(self.options)
        elif isinstance(space, (spaces.MultiDiscrete, spaces.MultiBinary)):
            choices = np.ravel(space.nvec) if isinstance(space, spaces.MultiDiscrete) else np.full(int(np.prod(space.shape)), 2)
            self.parts, self.options = len(choices), int(choices.sum())
            self._text = "multi " + ",".join(str(int(n)) for n in choices)
        elif isinstance(space, spaces.Box):
            self._numbers(space)
        else:
            raise Unsupported(f"the actions are a {type(space).__name__}; make them Discrete, MultiDiscrete, MultiBinary or Box")
        if not 1 <= self.parts <= PARTS_MAX:
            raise Unsupported(f"an action has {self.parts} parts, onic takes 1 to {PARTS_MAX}")
        if self.options > OPTIONS_MAX:
            raise Unsupported(f"the actions have {self.options} options{' together' if self.parts > 1 else ''}, onic takes {OPTIONS_MAX} at most")

    def _numbers(self, space: Any) -> None:
        if space.dtype.kind != "f":
            raise Unsupported(f"the actions are a Box of {space.dtype}; whole numbers are MultiDiscrete")
        with np.errstate(over="ignore"):
            low, high = np.ravel(space.low).astype(np.float32), np.ravel(space.high).astype(np.float32)
            wide = high - low
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise Unsupported("the actions are a Box without finite bounds; gymnasium.wrappers.RescaleAction or ClipAction gives it some")
        for i in np.flatnonzero(~((wide > 0) & np.isfinite(wide)))[:1]:
            what = "onic wants low below high" if wide[i] <= 0 else f"onic takes at most {np.finfo(np.float32).max:.3g} between them"
            raise Unsupported(f"number {i} of the actions, a Box, has the bounds {low[i]:.9g} and {high[i]:.9g}; {what} (float32)")
        self.parts, self.low, self.high = len(low), low, high
        self._text = "continuous " + ",".join(f"{a:.9g}:{b:.9g}" for a, b in zip(low, high))

    def text(self, masked: bool) -> str:
        return self._text + (" masked" if masked else "")

    def cells(self) -> Any:
        return np.float32 if isinstance(self.space, spaces.Box) else np.int32

    def reader(self, view: np.ndarray) -> Callable[[], Any]:
        """A function that gives the action that stands in `view`, the cells of one environment; its own copy each time."""
        space = self.space
        if isinstance(space, spaces.Discrete):
            table = [np.int64(i + int(space.start)) for i in range(self.options)]
            cell = memoryview(view)
            return lambda: table[cell[0]]
        shape, kind = space.shape, space.dtype
        if not isinstance(space, spaces.Box):
            start = getattr(space, "start", 0)
            return lambda: (view.reshape(shape) + start).astype(kind)
        if (self.low.astype(kind) >= np.ravel(space.low)).all() and (self.high.astype(kind) <= np.ravel(space.high)).all():
            return lambda: view.reshape(shape).astype(kind)

        def within() -> np.ndarray:  # our bounds are the space's, but rounded
            action = view.reshape(shape).astype(kind)
            return np.clip(action, space.low, space.high, out=action)

        return within

    def mask_of(self, mask: Any) -> np.ndarray:
        """info["action_mask"] as one array of 0 and 1."""
        parts = mask if isinstance(mask, (tuple, list)) and len(mask) and np.ndim(mask[0]) else (mask,)
        flat = np.concatenate([np.ravel(np.asarray(m)) for m in parts]) if len(parts) > 1 else np.ravel(np.asarray(parts[0]))
        if flat.size != self.options:
            raise Mismatch(f"info['action_mask'] has {flat.size} elements for {self.options} options")
        return flat != 0

    def some_action(self, mask: np.ndarray | None, dice: random.Random) -> Any:
        """Any action that is possible, to try the environment with."""
        space, at, chosen = self.space, 0, []
        if mask is None:
            return space.sample()
        for n in [space.n] if isinstance(space, spaces.Discrete) else np.ravel(space.nvec) if isinstance(space, spaces.MultiDiscrete) else [2] * self.parts:
            possible = np.flatnonzero(mask[at : at + int(n)])
            chosen.append(int(dice.choice(possible)) if len(possible) else 0)
            at += int(n)
        if isinstance(space, spaces.Discrete):
            return np.int64(chosen[0] + int(space.start))
        return (np.reshape(chosen, space.shape) + getattr(space, "start", 0)).astype(space.dtype)
