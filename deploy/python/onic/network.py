# SPDX-License-Identifier: MIT
"""What a checkpoint says of its network: encoder, core, actions and observation (the section ``net``, written by policy_text in C)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence

import numpy as np

from onic.errors import OnicError

_FIELD = re.compile(r"(\S+) (u?int8|int16|int32|int64|float32)\[([0-9,]+)\]")
_TENSOR = re.compile(r"(\S+) \[(\d+),(\d+)\]")


@dataclass(frozen=True)
class Field:
    """One array of an observation."""

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Elements."""
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class ActionSpace:
    """What can be done in a step.

    kind     "discrete", "multi" (several choices at once) or "continuous"
    options  options of each choice; empty for continuous
    low, high  bounds of each number; None for choices
    masked   the environment says which options are possible
    """

    kind: str
    options: tuple[int, ...] = ()
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    masked: bool = False

    @property
    def parts(self) -> int:
        """Choices or numbers of an action."""
        return len(self.options) if self.low is None else len(self.low)


def read_actions(text: str) -> ActionSpace:
    """"7", "7 masked", "multi 3,2" or "continuous -2:2,0:1" (common/policy/action_space.h)."""
    words = text.replace(",", " ").split()
    masked = words[-1] == "masked"
    words = words[: len(words) - masked]
    if words[0] == "continuous":
        bounds = np.array([[float(n) for n in word.split(":")] for word in words[1:]], dtype=np.float32)
        return ActionSpace("continuous", low=bounds[:, 0], high=bounds[:, 1])
    if words[0] == "multi":
        return ActionSpace("multi", tuple(int(word) for word in words[1:]), masked=masked)
    return ActionSpace("discrete", (int(words[0]),), masked=masked)


def flat_mask(options: Sequence[int], mask: Any) -> np.ndarray:
    """A mask as an environment gives it, with the options of all choices side by side: an array of them, a tuple of an array for each
    choice, or a sequence of either, one for each environment. Who uses it looks at the shape; ValueError where it has none."""
    if not isinstance(mask, (tuple, list)) and getattr(mask, "dtype", None) != object:
        return np.asarray(mask, bool)
    rows = list(mask)
    plain = [np.iterable(row) and not any(map(np.iterable, row)) for row in rows]
    if all(plain) and [len(row) for row in rows] == list(options):
        return np.concatenate([np.asarray(row, bool) for row in rows])
    if not any(map(np.iterable, rows)):
        return np.asarray(rows, bool)
    return np.stack([flat_mask(options, row) for row in rows])


@dataclass
class Network:
    """The parts of the text, in its order."""

    net: str = ""
    hidden: int = 0
    core: str = ""
    core_size: int = 0
    last_action: bool = False
    last_reward: bool = False
    actions: ActionSpace = field(default_factory=lambda: ActionSpace("discrete"))
    squash: bool = False
    state_deviation: bool = False
    fields: tuple[Field, ...] = ()
    shapes: dict[str, tuple[int, int]] = field(default_factory=dict)


def read_network(text: str) -> Network:
    """Reads such a text; OnicError where it is none that this package knows."""
    try:
        return _read(text)
    except (ValueError, IndexError, KeyError, AttributeError) as error:
        raise OnicError(f"the network of this checkpoint is not one that this package knows ({text[:100]!r}...): update the package") from error


def _read(text: str) -> Network:
    n = Network()
    fields = []
    for item in text.split("; "):
        key, _, rest = item.partition(" ")
        tensor, seen = _TENSOR.fullmatch(item), _FIELD.fullmatch(item.removeprefix("observation "))
        if tensor:
            n.shapes[tensor[1]] = (int(tensor[2]), int(tensor[3]))
        elif seen:
            fields.append(Field(seen[1], np.dtype(seen[2]), tuple(int(d) for d in seen[3].split(","))))
        elif key == "net":
            n.net, _, n.hidden = _three(rest)
        elif key == "core":
            n.core, n.core_size = rest.split()[0], int(rest.split()[1])
        elif key == "last":
            n.last_action, n.last_reward = "action" in rest.split(), "reward" in rest.split()
        elif key == "actions":
            actions, _, deviation = rest.partition(", deviation ")
            n.squash, n.state_deviation = actions.endswith(" squashed"), deviation == "of the state"
            n.actions = read_actions(actions.removesuffix(" squashed"))
        else:
            raise ValueError(item)
    if not n.net or not n.core or not fields:
        raise ValueError("a part is missing")
    n.fields = tuple(fields)
    return n


def _three(text: str) -> tuple[str, str, int]:
    name, word, number = text.split()
    return name, word, int(number)


# --- observations ---------------------------------------------------------------------------------------------------------


def batch_of(fields: Sequence[Field], observation: Mapping[str, Any] | Any) -> tuple[dict[str, np.ndarray], bool]:
    """The fields of an observation, or of several side by side, as arrays [n, *shape] of their types; whether it was one alone.

    An observation is a mapping from names to arrays; where there is one field only, its array will do.
    """
    if not isinstance(observation, Mapping):
        if len(fields) != 1:
            raise OnicError(f"an observation is a mapping with the fields {', '.join(f.name for f in fields)}")
        observation = {fields[0].name: observation}
    missing = [f.name for f in fields if f.name not in observation]
    if missing:
        raise OnicError(
            f"the observation lacks the field {missing[0]}: this policy sees {', '.join(f.name for f in fields)}"
            " (onic.adapters has those of known packages)"
        )
    arrays = {f.name: np.asarray(observation[f.name]) for f in fields}
    widest = max(fields, key=lambda f: (f.count > 1, len(f.shape)))
    given = arrays[widest.name]
    alone = given.ndim <= len(widest.shape)
    n = given.size // widest.count if alone else len(given)
    if alone and n != 1:
        raise _misshapen(widest, given)
    return {f.name: _typed(f, arrays[f.name], n) for f in fields}, alone


def _misshapen(f: Field, values: np.ndarray) -> OnicError:
    many = ", ".join(["n", *map(str, f.shape)])
    return OnicError(f"the field {f.name} has the shape {values.shape}, wanted is {f.shape}, or ({many}) for n observations")


def _typed(f: Field, values: np.ndarray, n: int) -> np.ndarray:
    if values.size != n * f.count:
        raise _misshapen(f, values)
    if values.dtype != f.dtype and f.dtype.kind in "iu" and values.size:
        limits = np.iinfo(f.dtype)
        if values.dtype.kind not in "iub" or values.min() < limits.min or values.max() > limits.max:
            raise OnicError(f"the field {f.name} has values that are no {f.dtype.name}")
    return values.astype(f.dtype, copy=False).reshape(n, *f.shape)
