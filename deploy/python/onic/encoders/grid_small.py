# SPDX-License-Identifier: MIT
"""MiniGrid's view: cells of three small categories (common/policy/encoders/grid_small)."""

from __future__ import annotations

import numpy as np

from onic.encoders import Batch, Tensors
from onic.layers import dense, relu
from onic.network import Network

_CATEGORIES = (11, 6, 4)  # objects, colours, states
_DIRECTIONS = 4


class GridSmall:
    """Look-ups, ReLU, dense, ReLU. Category 0 of a place has no row, and one above the known ones shares the last one's."""

    def __init__(self, network: Network, tensors: Tensors) -> None:
        self.t = tensors
        shape = next(f.shape for f in network.fields if f.name == "image")
        cells = shape[0] * shape[1]
        last = np.tile(np.array(_CATEGORIES) - 1, cells)
        self.has_direction = any(f.name == "direction" and f.dtype == np.uint8 for f in network.fields)
        self.last = np.append(last, _DIRECTIONS - 1) if self.has_direction else last
        self.base = np.cumsum(self.last) - self.last - 1

    def __call__(self, batch: Batch) -> np.ndarray:
        t, image = self.t, batch["image"]
        n = len(image)
        values = image.reshape(n, -1).astype(np.int64)
        if self.has_direction:
            values = np.concatenate([values, batch["direction"].reshape(n, -1)[:, :1] % _DIRECTIONS], axis=1)
        values = np.minimum(values, self.last)
        hot = np.zeros((n, t["grid.table"].shape[0] + 1), np.float32)  # the last column: category 0
        rows = np.where(values > 0, self.base + values, hot.shape[1] - 1)
        hot[np.arange(n)[:, None], rows] = 1
        h = relu(hot[:, :-1] @ t["grid.table"] + t["grid.b1"].reshape(-1))
        return dense(h, t["grid.w2"], t["grid.b2"], relu)
