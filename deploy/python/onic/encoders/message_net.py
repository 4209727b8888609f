# SPDX-License-Identifier: MIT
"""The convolutional network that reads a caption byte by byte (common/nn/message_net.h)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from onic.encoders import Tensors
from onic.layers import conv1d, dense, maxpool1d, relu


class MessageNet:
    """256 bytes, six convolutions -> 128, or the small one: 128 bytes, three -> 32. Which it is the tensors tell."""

    def __init__(self, tensors: Tensors) -> None:
        self.t = tensors
        self.small = tensors["message.embedding"].shape[1] == 16
        self.bytes = 128 if self.small else 256

    def __call__(self, captions: Sequence[bytes]) -> np.ndarray:
        """Features [n, 128 or 32]; captions are cut, and padded with byte 0."""
        ids = np.zeros((len(captions), self.bytes), np.uint8)
        for row, caption in zip(ids, captions):
            text = caption[: self.bytes]
            row[: len(text)] = np.frombuffer(text, np.uint8)
        x = self.t["message.embedding"][ids]
        stage = 1  # names count all stages, pools too
        for convolutions in (1, 1, 1 if self.small else 4):
            for _ in range(convolutions):
                stage += 1
                x = conv1d(x, self.t[f"message.conv{stage}.w"], self.t[f"message.conv{stage}.b"])
            x = maxpool1d(x, 3)
            stage += 1
        x = x.reshape(len(x), -1)
        stage += 1
        for _ in range(2 if self.small else 1):
            stage += 1
            x = dense(x, self.t[f"message.dense{stage}.w"], self.t[f"message.dense{stage}.b"], relu)
        return x
