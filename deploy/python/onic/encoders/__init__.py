# SPDX-License-Identifier: MIT
"""Encoders: observations to features, a module for each of common/policy/encoders.

A module has a class that is made of the network and its tensors (without ``policy/``) and called with a batch, fields as arrays
[n, *shape]; it gives features [n, E] in float32. A new encoder is a module and a line here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping

import numpy as np

from onic.errors import OnicError
from onic.network import Network

Batch = Mapping[str, np.ndarray]
Tensors = Mapping[str, np.ndarray]
Encoder = Callable[[Batch], np.ndarray]

_ENCODERS = {
    "grid-small": ("grid_small", "GridSmall"),
    "mlp": ("mlp", "Mlp"),
    "nethack-compact": ("nethack_compact", "NethackCompact"),
    "oni-default": ("oni_default", "OniDefault"),
    "pixels": ("pixels", "Pixels"),
    "torchbeast": ("torchbeast", "Torchbeast"),
}


def make(network: Network, tensors: Tensors) -> Encoder:
    """The encoder of a network; OnicError where this package has none of that name."""
    if network.net not in _ENCODERS:
        raise OnicError(f"this package has no network {network.net}, only {', '.join(_ENCODERS)}: update the package")
    module, name = _ENCODERS[network.net]
    return getattr(importlib.import_module(f"onic.encoders.{module}"), name)(network, tensors)
