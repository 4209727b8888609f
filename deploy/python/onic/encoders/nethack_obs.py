# SPDX-License-Identifier: MIT
"""What the NetHack encoders share (common/policy/nethack_obs.h)."""

from __future__ import annotations

import numpy as np

ROWS, COLS = 21, 79
GLYPHS = 5976  # NLE's MAX_GLYPH
MESSAGE = 256

_SCALE = np.array(
    [1 / 79, 1 / 21, 0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0, 0.1, 0.1, 0, 1 / 1000, 0.1, 0.1, 0.1, 0, 0.1, 0.01, 1 / 1000, 1, 0.1, 0, 0, 0, 0],
    dtype=np.float32,
)  # fmt: skip


def status_numbers(blstats: np.ndarray) -> np.ndarray:
    """blstats [n, 27] times ONI's scales, limited to +-5."""
    return np.clip(blstats.astype(np.float32) * _SCALE, np.float32(-5), np.float32(5))


def windows(grid: np.ndarray, x: np.ndarray, y: np.ndarray, size: int, up: int, left: int, outside: int) -> np.ndarray:
    """size x size cells of each grid [n, 21, 79] with (y - up, x - left) first; what is outside of the grid is ``outside``."""
    margin = size
    wide = np.full((len(grid), ROWS + 2 * margin, COLS + 2 * margin), outside, grid.dtype)
    wide[:, margin : margin + ROWS, margin : margin + COLS] = grid
    at = np.arange(size)
    rows = (y - up + margin)[:, None, None] + at[None, :, None]
    cols = (x - left + margin)[:, None, None] + at[None, None, :]
    return wide[np.arange(len(grid))[:, None, None], rows, cols]


def hero(blstats: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y [n] of the hero, 0, 0 where that is outside of the map; whether it is inside."""
    x, y = blstats[:, 0], blstats[:, 1]
    inside = (x >= 0) & (x < COLS) & (y >= 0) & (y < ROWS)
    return np.where(inside, x, 0), np.where(inside, y, 0), inside


def messages(message: np.ndarray) -> list[bytes]:
    """message [n, 256] as bytes, each up to its first 0."""
    return [row.tobytes().split(b"\0", 1)[0] for row in message]
