# SPDX-License-Identifier: MIT
"""NLE's TorchBeast baseline (common/policy/encoders/torchbeast): map and crop of glyphs, status, message, each where it has tensors.

As in C the first convolutions are look-ups: each glyph of a batch is multiplied with the nine taps once.
"""

from __future__ import annotations

import numpy as np

from onic.encoders import Batch, Tensors
from onic.encoders.message_net import MessageNet
from onic.encoders.nethack_obs import COLS, GLYPHS, ROWS, hero, messages, status_numbers, windows
from onic.layers import conv2d, dense, elu, relu
from onic.network import Network

_SIDE, _TAPS = 16, 9
_OUTSIDE = -1  # a cell that adds nothing


class Torchbeast:
    """The parts side by side and two dense layers. With one value head (compat.oni) the crop is at the map's corner, as in ONI's code."""

    def __init__(self, network: Network, tensors: Tensors) -> None:
        self.t = tensors
        self.oni = "value.w" in tensors
        self.message = MessageNet(tensors) if "message.embedding" in tensors else None

    def _grid(self, glyphs: np.ndarray, name: str, stride: int) -> np.ndarray:
        t = self.t
        n, height, width = glyphs.shape
        distinct, places = np.unique(glyphs, return_inverse=True)
        table = np.einsum("ud,tdc->utc", t["torchbeast.glyph"][distinct], t[f"torchbeast.{name}0_w"].reshape(_TAPS, 128, -1), optimize=True)
        table = np.concatenate([table, np.zeros_like(table[:1])])
        table[:-1][distinct == _OUTSIDE] = 0
        padded = np.full((n, height + 2, width + 2), len(distinct))
        padded[:, 1:-1, 1:-1] = places.reshape(glyphs.shape)
        y = t[f"torchbeast.{name}0_b"].reshape(-1)
        for tap in range(_TAPS):
            top, left = divmod(tap, 3)
            y = y + table[padded[:, top : top + height : stride, left : left + width : stride], tap]
        y = conv2d(elu(y), t[f"torchbeast.{name}1_w"], t[f"torchbeast.{name}1_b"], 3, stride, 1, elu)
        return y.reshape(n, -1)

    def _crop(self, glyphs: np.ndarray, blstats: np.ndarray) -> np.ndarray:
        x, y, _ = hero(np.zeros_like(blstats) if self.oni else blstats)
        return windows(glyphs, x, y, _SIDE, _SIDE // 2, _SIDE // 2, 0 if self.oni else _OUTSIDE)

    def _text(self, message: np.ndarray) -> np.ndarray:
        """Each different message is read once."""
        assert self.message is not None
        captions = messages(message)
        order = {caption: i for i, caption in enumerate(dict.fromkeys(captions))}
        return self.message(list(order))[[order[caption] for caption in captions]]

    def __call__(self, batch: Batch) -> np.ndarray:
        t, blstats = self.t, batch["blstats"].reshape(-1, 27)
        n = len(blstats)
        glyphs = batch["glyphs"].reshape(n, ROWS, COLS).astype(np.int64)
        glyphs = np.where((glyphs < 0) | (glyphs >= GLYPHS), 0, glyphs)
        parts = []
        if "torchbeast.map0_w" in t:
            parts.append(self._grid(glyphs, "map", 2))
        if "torchbeast.crop0_w" in t:
            parts.append(self._grid(self._crop(glyphs, blstats), "crop", 1))
        if "torchbeast.status0_w" in t:
            h = dense(status_numbers(blstats), t["torchbeast.status0_w"], t["torchbeast.status0_b"], relu)
            parts.append(dense(h, t["torchbeast.status1_w"], t["torchbeast.status1_b"], relu))
        if self.message is not None:
            parts.append(self._text(batch["message"].reshape(n, -1)))
        h = dense(np.concatenate(parts, axis=1), t["torchbeast.join0_w"], t["torchbeast.join0_b"], relu)
        return dense(h, t["torchbeast.join1_w"], t["torchbeast.join1_b"], relu)
