# SPDX-License-Identifier: MIT
"""How any field of an observation becomes numbers for a dense layer (common/policy/plain_fields.h says it)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from onic.encoders import Batch, Tensors
from onic.network import Field

_CATEGORY_FIELD_MAX, CATEGORIES = 16, 256
_NORM_CLIP, _CLIP = 10.0, 1000.0


def _is_category(f: Field) -> bool:
    return f.dtype == np.uint8 and f.count <= _CATEGORY_FIELD_MAX


class PlainFields:
    """Short byte fields are looked up in a table, the others are numbers; float32 fields are normalised where there is obs_norm."""

    def __init__(self, fields: Iterable[Field], tensors: Tensors) -> None:
        fields = list(fields)
        self.categories = [f for f in fields if _is_category(f)]
        self.numbers = [f for f in fields if not _is_category(f)]
        self.places = sum(f.count for f in self.categories)
        self.norm: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        if "obs_norm.mean" in tensors:
            at = 0
            for f in fields:
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
        limit = _CLIP
        if f.name in self.norm:
            mean, scale = self.norm[f.name]
            wide, limit = (wide - mean) * scale, _NORM_CLIP
        return np.where(np.isfinite(v), np.clip(wide, -limit, limit), 0).astype(np.float32)

    def product(self, batch: Batch, w: np.ndarray | None, table: np.ndarray | None) -> np.ndarray | float:
        """[n, N]: numbers times w [numbers, N], and the looked-up rows of table [places * 256, N]."""
        y: np.ndarray | float = 0.0
        if self.numbers and w is not None:
            with np.errstate(invalid="ignore"):
                y = np.concatenate([self._values(f, batch[f.name]) for f in self.numbers], axis=1) @ w
        if self.categories and table is not None:
            ids = np.concatenate([batch[f.name].reshape(len(batch[f.name]), -1) for f in self.categories], axis=1)
            y = y + table.reshape(self.places, CATEGORIES, -1)[np.arange(self.places), ids].sum(axis=1)
        return y
