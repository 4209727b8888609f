# SPDX-License-Identifier: MIT
"""Observations with pictures (common/policy/encoders/pixels): convolutions, and a dense layer that reads the last map and the rest.

Which layers there are the tensors tell: `residual` has windows of 3x3, `nature` begins with 8x8.
"""

from __future__ import annotations

import numpy as np

from onic.encoders import Batch, Tensors
from onic.encoders.plain_fields import PlainFields
from onic.layers import conv2d, relu
from onic.network import Field, Network

_LAST_SIDE, _BLOCK_SIDE = 8, 16
_NATURE = ((8, 4), (4, 2), (3, 1))  # window, stride


def _channels_last(f: Field, values: np.ndarray) -> np.ndarray:
    """[n, height, width, channels] of a field of either order, or grey."""
    if len(f.shape) == 2:
        return values[..., None]
    return values.transpose(0, 2, 3, 1) if f.shape[0] < f.shape[2] else values


class Pixels:
    """Fields of three dimensions are pictures, and where there is none those of bytes with two; they are one picture of all channels."""

    def __init__(self, network: Network, tensors: Tensors) -> None:
        self.t = tensors
        deep = any(len(f.shape) == 3 for f in network.fields)
        self.planes = [f for f in network.fields if len(f.shape) == 3 or (not deep and len(f.shape) == 2 and f.dtype == np.uint8)]
        self.rest = PlainFields([f for f in network.fields if f not in self.planes], tensors)

    def _conv(self, x: np.ndarray, layer: int, window: int, stride: int, pad: int, *, act: bool = True) -> np.ndarray:
        w, b = self.t[f"pixels.conv{layer}_w"], self.t[f"pixels.conv{layer}_b"]
        return conv2d(x, w, b, window, stride, pad, relu if act else lambda y: y)

    def _residual(self, x: np.ndarray) -> np.ndarray:
        """Halved until the picture is small, with a residual block at each of the smaller sizes."""
        layer = 0
        while max(x.shape[1:3]) > _LAST_SIDE:
            x = self._conv(x, layer, 3, 2, 1)
            layer += 1
            if max(x.shape[1:3]) <= _BLOCK_SIDE:
                h = self._conv(x, layer, 3, 1, 1)
                x = relu(x + self._conv(h, layer + 1, 3, 1, 1, act=False))
                layer += 2
        return x

    def __call__(self, batch: Batch) -> np.ndarray:
        t = self.t
        picture = np.concatenate([_channels_last(f, batch[f.name]) for f in self.planes], axis=3)
        x = picture.astype(np.float32) * np.float32(1 / 255)
        if len(t["pixels.conv0_w"]) == 9 * x.shape[3]:
            x = self._residual(x)
        else:
            for layer, (window, stride) in enumerate(_NATURE):
                x = self._conv(x, layer, window, stride, 0)
        y = x.reshape(len(x), -1) @ t["pixels.fc_w"] + t["pixels.fc_b"].reshape(1, -1)
        return relu(y + self.rest.product(batch, t.get("pixels.numbers"), t.get("pixels.table")))
