# SPDX-License-Identifier: MIT
"""Observations of published packages as the fields that onic's policies see.

An adapter takes an observation of the package, one or n side by side (those of a gymnasium vector environment), and gives a mapping
from field names to arrays. Captions are no input of a policy and are not made.

    minigrid   the package ``minigrid`` and everything with its observations (BabyAI): image, direction
    nle        the package ``nle`` (NetHack): glyphs, blstats, message, chars, colors and what else was asked of it

The policy must have been trained in the same world. ``minigrid:X`` is ``MiniGrid-X`` of the package, step by step; ``nethack:Score`` with
``--env.actions=23`` is ``NetHackScore-v0`` (the default, 28 actions with ONI's macros, is no action set of the package).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from onic.errors import OnicError
from onic.network import Field

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
