# SPDX-License-Identifier: MIT
"""Any observation of numbers: two dense layers (common/policy/encoders/mlp; how a value becomes a number is said there)."""

from __future__ import annotations

import numpy as np

from onic.encoders import Batch, Tensors
from onic.layers import dense, relu
from onic.network import Field, Network

_CATEGORY_FIELD_MAX, _CATEGORIES = 16, 256
_NORM_CLIP = 10.0


def _is_category(f: Field) -> bool:
    return f.dtype == np.uint8 and f.count <= _CATEGORY_FIELD_MAX


class Mlp:
    """Short byte fields are looked up, the others are numbers."""

    def __init__(self, network: Network, tensors: Tensors) -> None:
        self.t = tensors
        self.categories = [f for f in network.fields if _is_category(f)]
        self.numbers = [f for f in network.fields if not _is_category(f)]
        self.places = sum(f.count for f in self.categories)
        if self.places:
            self.table = tensors["mlp.table"].reshape(self.places, _CATEGORIES, -1)
        self.norm: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        if "obs_norm.mean" in tensors:
            at = 0
            for f in network.fields:
                if f.dtype == np.float32:
                    part = slice(at, at + f.count)
                    mean, scale = (tensors[f"obs_norm.{k}"].reshape(-1)[part].astype(np.float64) for k in ("mean", "scale"))
                    self.norm[f.name] = (mean, scale)
                    at += f.count

    def _values(self, f: Field, values: np.ndarray) -> np.ndarray:
        v = values.reshape(len(values), -1)
        if f.dtype == np.uint8 and len(f.shape) == 3:  # a picture
            return v.astype(np.float32) * np.float32(1 / 255)
        wide = v.astype(np.float64)
        if f.dtype == np.int8:
            return (wide / 128).astype(np.float32)
        if f.dtype != np.float32:
            return np.copysign(np.log1p(np.abs(wide)), wide).astype(np.float32)
        if f.name in self.norm:
            mean, scale = self.norm[f.name]
            wide, limit = (wide - mean) * scale, _NORM_CLIP
        else:
            limit = 1000.0
        return np.where(np.isfinite(v), np.clip(wide, -limit, limit), 0).astype(np.float32)

    def __call__(self, batch: Batch) -> np.ndarray:
        t = self.t
        h = t["mlp.b1"].reshape(1, -1)
        if self.numbers:
            with np.errstate(invalid="ignore"):
                h = np.concatenate([self._values(f, batch[f.name]) for f in self.numbers], axis=1) @ t["mlp.w1"] + h
        if self.categories:
            ids = np.concatenate([batch[f.name].reshape(len(batch[f.name]), -1) for f in self.categories], axis=1)
            h = h + self.table[np.arange(self.places), ids].sum(axis=1)
        return dense(relu(h), t["mlp.w2"], t["mlp.b2"], relu)
