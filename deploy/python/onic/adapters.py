# SPDX-License-Identifier: MIT
"""Observations of published packages as the fields that onic's policies see.

An adapter takes an observation of the package, one or n side by side (those of a gymnasium vector environment), and gives a mapping
from field names to arrays. Captions are no input of a policy and are not made.

    minigrid   the package ``minigrid`` and everything with its observations (BabyAI): image, direction
    nle        the package ``nle`` (NetHack): glyphs, blstats, message, chars, colors and what else was asked of it
    bridged    any environment of Gymnasium in which a policy was trained as ``gym:...``; made for each environment

The policy must have been trained in the same world. ``minigrid:X`` is ``MiniGrid-X`` of the package, step by step; ``nethack:Score`` with
``--env.actions=23`` is ``NetHackScore-v0`` (the default, 28 actions with ONI's macros, is no action set of the package).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from onic.errors import OnicError, need
from onic.network import ActionSpace, Field

Adapter = Callable[[Mapping[str, Any]], dict[str, np.ndarray]]

# types of the fields as the C environments have them
_NLE_TYPES = {
    "glyphs": np.int16, "chars": np.uint8, "colors": np.uint8, "specials": np.uint8, "blstats": np.int64, "message": np.uint8,
    "inv_glyphs": np.int16, "inv_strs": np.uint8, "inv_letters": np.uint8, "inv_oclasses": np.uint8, "tty_chars": np.uint8,
    "tty_colors": np.int8, "tty_cursor": np.uint8, "misc": np.int32,
}  # fmt: skip


def minigrid(observation: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """``image`` uint8 [7, 7, 3] and ``direction`` uint8 [1] of an observation of ``minigrid``; the mission is left out."""
    if not isinstance(observation, Mapping) or "image" not in observation or "direction" not in observation:
        raise OnicError("this is no observation of minigrid: it wants image and direction (no wrapper that changes observations)")
    image = np.asarray(observation["image"], np.uint8)
    direction = np.asarray(observation["direction"], np.uint8)
    return {"image": image, "direction": direction.reshape(*image.shape[:-3], 1)}


def nle(observation: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The fields of an observation of ``nle`` in onic's types. A policy needs those in its ``fields``: ask the package for them
    with ``observation_keys``."""
    if not isinstance(observation, Mapping) or not any(name in observation for name in _NLE_TYPES):
        raise OnicError("this is no observation of nle: none of its fields is one of " + ", ".join(_NLE_TYPES))
    return {name: np.asarray(observation[name]).astype(kind) for name, kind in _NLE_TYPES.items() if name in observation}


_OTHER = "this is not the environment that the policy was trained in: "


def bridged(env: Any, fields: tuple[Field, ...]) -> Adapter:
    """Observations of one environment as ``--env.id=gym:...`` has them (actor/envs/gym): its Dict, Tuple, Discrete, Text become the
    fields that the policy sees. What it gives are views, which the next observation overwrites. OnicError where its spaces are others."""
    spaces = need("onic.worker_spaces", "a policy of an environment of Gymnasium", "gym")
    try:
        seen = spaces.Observation(env.observation_space)
    except spaces.Unsupported as error:
        raise OnicError(_OTHER + str(error)) from None
    offsets, size = seen.layout()
    block, views = np.zeros(size, np.uint8), {}
    for field, offset in zip(seen.fields, offsets):
        views[field.name] = block[offset : offset + field.nbytes()].view(spaces.TYPES[field.type]).reshape(field.shape)
    for f in fields:
        if f.name not in views or (views[f.name].dtype, views[f.name].shape) != (f.dtype, f.shape):
            raise OnicError(f"{_OTHER}the policy sees {f.name} {f.dtype.name}{list(f.shape)}, the environment has {seen.text()}")
    write = seen.writer(block)

    def adapt(observation: Any) -> dict[str, np.ndarray]:
        try:
            write(observation)
        except spaces.Mismatch as error:
            raise OnicError(str(error)) from None
        return views

    return adapt


def bridged_action(env: Any, actions: ActionSpace) -> Callable[[Any], Any]:
    """Turns an action of the policy, which counts from 0, into one of the environment, whose Discrete may begin elsewhere."""
    spaces = need("onic.worker_spaces", "a policy of an environment of Gymnasium", "gym")
    try:
        taken = spaces.Actions(env.action_space)
    except spaces.Unsupported as error:
        raise OnicError(_OTHER + str(error)) from None
    if (taken.parts, taken.options) != (actions.parts, sum(actions.options)):
        raise OnicError(f"{_OTHER}its actions are {taken.text(actions.masked)}")
    cells = np.zeros(taken.parts, taken.cells())
    read = taken.reader(cells)

    def give(action: Any) -> Any:
        cells[:] = action
        return read()

    return give


def adapter_of(env_id: str) -> Adapter | None:
    """The adapter for the package whose world the environment is: by the family of ``policy.env_id``."""
    family = env_id.partition(":")[0]
    return {"minigrid": minigrid, "babyai": minigrid, "nethack": nle}.get(family)


def named(fields: tuple[Field, ...]) -> Adapter:
    """Leaves observations that have the policy's fields as they are."""

    def same(observation: Mapping[str, Any]) -> dict[str, np.ndarray]:
        if not isinstance(observation, Mapping):
            return {fields[0].name: np.asarray(observation)}
        return dict(observation)

    return same
