# SPDX-License-Identifier: MIT
"""ONI's policy network (common/policy/encoders/oni_default): the characters around the hero as a picture, status, message bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from onic.encoders import Batch, Tensors
from onic.encoders.nethack_obs import COLS, ROWS, hero, status_numbers, windows
from onic.layers import conv2d, dense, elu
from onic.network import Network

_CELLS, _PIXELS = 12, 6
_STRIDES = ((8, 4), (4, 2), (3, 2))  # window, stride of the convolutions
_PALETTE = np.array(
    [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128), (128, 128, 128), (192, 192, 192),
     (255, 0, 0), (0, 255, 0), (255, 255, 0), (0, 0, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255)], dtype=np.float32
)  # fmt: skip


class OniDefault:
    """Three convolutions, two dense layers each for status and message. With one value head (compat.oni) as ONI's code has it."""

    def __init__(self, network: Network, tensors: Tensors) -> None:
        self.t = tensors
        oni = "value.w" in tensors
        self.hero_row = _CELLS // 2 + oni
        atlas = np.load(Path(__file__).with_name("glyph_atlas.npy")).reshape(256, _PIXELS, _PIXELS, 1)  # grey values
        atlas = atlas * np.float32((255 if oni else 1) / (255 * 255))
        atlas[0] = 0  # nothing to draw
        self.atlas = atlas

    def _picture(self, batch: Batch, blstats: np.ndarray) -> np.ndarray:
        """[n, 72, 72, 3]"""
        n = len(blstats)
        x, y, inside = hero(blstats)
        place = (x, y, _CELLS, self.hero_row, _CELLS // 2)
        chars = windows(batch["chars"].reshape(n, ROWS, COLS), *place, ord(" "))
        colours = windows(batch["colors"].reshape(n, ROWS, COLS), *place, 0) % len(_PALETTE)
        chars = np.where((chars == ord(" ")) | ~inside[:, None, None], 0, chars)
        cells = self.atlas[chars] * _PALETTE[colours][:, :, :, None, None, :]  # [n, 12, 12, 6, 6, 3]
        return cells.transpose(0, 1, 3, 2, 4, 5).reshape(n, _CELLS * _PIXELS, _CELLS * _PIXELS, 3)

    def __call__(self, batch: Batch) -> np.ndarray:
        t, blstats = self.t, batch["blstats"].reshape(-1, 27)
        n = len(blstats)
        y = self._picture(batch, blstats)
        for i, (window, stride) in enumerate(_STRIDES):
            y = conv2d(y, t[f"oni.conv{i}_w"], t[f"oni.conv{i}_b"], window, stride, 0, elu)
        numbers = status_numbers(blstats)
        text = batch["message"].reshape(n, -1).astype(np.float32) / np.float32(255)
        return np.concatenate(
            [dense(y.reshape(n, -1), t["oni.fc_w"], t["oni.fc_b"], elu), self._two(numbers, "status"), numbers, self._two(text, "message")],
            axis=1,
        )

    def _two(self, x: np.ndarray, name: str) -> np.ndarray:
        t = self.t
        h = dense(x, t[f"oni.{name}0_w"], t[f"oni.{name}0_b"], elu)
        return dense(h, t[f"oni.{name}1_w"], t[f"oni.{name}1_b"], elu)
