# SPDX-License-Identifier: MIT
"""Any observation of numbers: two dense layers (common/policy/encoders/mlp)."""

from __future__ import annotations

import numpy as np

from onic.encoders import Batch, Tensors
from onic.encoders.plain_fields import PlainFields
from onic.layers import dense, relu
from onic.network import Network


class Mlp:
    """Numbers and look-ups into one layer, ReLU, dense, ReLU."""

    def __init__(self, network: Network, tensors: Tensors) -> None:
        self.t = tensors
        self.fields = PlainFields(network.fields, tensors)

    def __call__(self, batch: Batch) -> np.ndarray:
        t = self.t
        h = relu(self.fields.product(batch, t.get("mlp.w1"), t.get("mlp.table")) + t["mlp.b1"].reshape(1, -1))
        return dense(h, t["mlp.w2"], t["mlp.b2"], relu)
