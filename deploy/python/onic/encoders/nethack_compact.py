# SPDX-License-Identifier: MIT
"""The default NetHack network (common/policy/encoders/nethack_compact): crop, facts about the map, words of the message, status.

Facts and words are rows of a weight table, summed; here they are columns of a matrix that is multiplied with the table.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np

from onic.encoders import Batch, Tensors
from onic.encoders.nethack_obs import COLS, GLYPHS, ROWS, messages, windows
from onic.layers import dense, relu
from onic.network import Network

_CROP = 9
_PAD = GLYPHS  # a glyph that is none
_UNEXPLORED = 2359

# --- classes of glyphs, numbered as in map_features.c ---------------------------------------------------------------------

(_MONSTER, _PET, _UNSEEN, _BODY, _GOLD, _OBJECT, _BOULDER, _STATUE, _UP, _DOWN, _DOORWAY, _DOOR, _FURNITURE, _TRAP, _CORRIDOR,
 _WATER) = range(1, 17)  # fmt: skip
_CLASSES = 16
_SYMBOLS = {
    **dict.fromkeys((12, 13, 14), _DOORWAY), **dict.fromkeys((15, 16), _DOOR), **dict.fromkeys((21, 22), _CORRIDOR),
    **dict.fromkeys((23, 25), _UP), **dict.fromkeys((24, 26), _DOWN), **dict.fromkeys(range(27, 32), _FURNITURE),
    **dict.fromkeys((32, 34, 41), _WATER), **dict.fromkeys(range(42, 65), _TRAP),
}  # fmt: skip


def _classes() -> np.ndarray:
    table = np.zeros(_PAD + 1, np.int64)
    for first, end, kind in [
        (0, 381, _MONSTER), (381, 762, _PET), (762, 1144, _UNSEEN), (1144, 1525, _BODY), (1525, 1906, _UNSEEN),
        (1906, 2359, _OBJECT), (5589, 5595, _UNSEEN), (5595, _PAD, _STATUE),
    ]:  # fmt: skip
        table[first:end] = kind
    table[1906 + 410], table[1906 + 447] = _GOLD, _BOULDER
    for symbol, kind in _SYMBOLS.items():
        table[_UNEXPLORED + symbol] = kind
    return table


_CLASS = _classes()

# --- rows of the table of facts -------------------------------------------------------------------------------------------

_DIRECTIONS, _DISTANCES, _COUNTS, _BANDS, _LEVELS = 8, 7, 4, 3, 3
_PER_CLASS = _DIRECTIONS * _DISTANCES + _COUNTS
_REGIONS = _DIRECTIONS * _BANDS
_ROW_REGION = _CLASSES * _PER_CLASS
_ROW_DEPTH = _ROW_REGION + _REGIONS * _LEVELS
_ROW_XLEVEL = _ROW_DEPTH + 50
_ROW_HUNGER = _ROW_XLEVEL + 30
_ROW_BURDEN = _ROW_HUNGER + 7
_ROW_CONDITION = _ROW_BURDEN + 6
_CONDITIONS = 16
_ROWS = _ROW_CONDITION + _CONDITIONS
_STATUS_ROWS = ((12, _ROW_DEPTH, 50), (18, _ROW_XLEVEL, 30), (21, _ROW_HUNGER, 7), (22, _ROW_BURDEN, 6))  # blstats, row, values
_DISTANCE_STEPS, _COUNT_STEPS = 1 << np.arange(_DISTANCES - 1), 1 << np.arange(_COUNTS - 1)


def map_facts(glyphs: np.ndarray, x: np.ndarray, y: np.ndarray, blstats: np.ndarray) -> np.ndarray:
    """Facts of each level as ones in a matrix [n, rows]; glyphs [n, 21, 79] in range, x, y [n]."""
    n = len(glyphs)
    hot = np.zeros((n, _ROWS), np.float32)
    row, cy, cx = np.nonzero((glyphs != _UNEXPLORED) & (glyphs != _PAD))
    dx, dy = cx - x[row], cy - y[row]
    distance = np.maximum(np.abs(dx), np.abs(dy))
    seen = distance > 0  # not the hero
    row, cy, cx, dx, dy, distance = (values[seen] for values in (row, cy, cx, dx, dy, distance))
    towards = (np.sign(dy) + 1) * 3 + np.sign(dx) + 1
    towards -= towards > 4
    region = towards * _BANDS + (distance > 4) + (distance > 16)
    explored = np.bincount(row * _REGIONS + region, minlength=n * _REGIONS)
    at = np.nonzero(explored)[0]
    hot[at // _REGIONS, _ROW_REGION + at % _REGIONS * _LEVELS + (explored[at] >= 4) + (explored[at] >= 16)] = 1

    kind = _CLASS[glyphs[row, cy, cx]]
    row, kind, distance, towards = (values[kind > 0] for values in (row, kind, distance, towards))
    group = row * _CLASSES + kind - 1
    counts = np.bincount(group, minlength=n * _CLASSES)
    order = np.lexsort((distance, group))  # stable: of equally near ones the first of the map
    groups, first = np.unique(group[order], return_index=True)
    nearest = order[first]
    base = groups % _CLASSES * _PER_CLASS
    hot[groups // _CLASSES, base + towards[nearest] * _DISTANCES + np.searchsorted(_DISTANCE_STEPS, distance[nearest])] = 1
    hot[groups // _CLASSES, base + _DIRECTIONS * _DISTANCES + np.searchsorted(_COUNT_STEPS, counts[groups])] = 1

    every = np.arange(n)
    for stat, first_row, values in _STATUS_ROWS:
        hot[every, first_row + np.clip(blstats[:, stat], 0, values - 1)] = 1
    hot[:, _ROW_CONDITION:] = blstats[:, 25:26] >> np.arange(_CONDITIONS) & 1
    return hot


# --- status ---------------------------------------------------------------------------------------------------------------


def _log(v: np.ndarray, scale: float) -> np.ndarray:
    return np.log1p(np.maximum(v, 0).astype(np.float32)) * np.float32(scale)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part.astype(np.float32) / np.maximum(whole, 1).astype(np.float32), np.float32(0))


def status(x: np.ndarray, y: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The status line as numbers of size about 1: [n, 24]."""
    f = b.astype(np.float32)
    columns = [
        x.astype(np.float32) / np.float32(39) - 1, y.astype(np.float32) / np.float32(10) - 1,
        *((f[:, i] - np.float32(12)) / np.float32(5) for i in range(3, 9)),
        2 * _share(b[:, 10], b[:, 11]) - 1, _log(b[:, 10], 0.3), _log(b[:, 11], 0.3),
        _share(b[:, 14], b[:, 15]), _log(b[:, 14], 0.3), _log(b[:, 15], 0.3),
        _log(b[:, 12], 0.5), _log(b[:, 13], 0.2), (np.float32(10) - f[:, 16]) / np.float32(10), f[:, 18] / np.float32(10),
        _log(b[:, 19], 0.15), _log(b[:, 20], 0.1), f[:, 21], f[:, 23] / np.float32(4), f[:, 24] / np.float32(10), f[:, 26],
    ]  # fmt: skip
    return np.clip(np.stack(columns, axis=1), np.float32(-5), np.float32(5)).astype(np.float32)


# --- message --------------------------------------------------------------------------------------------------------------

_BUCKETS, _WORDS_MAX = 2048, 24
_WORD = re.compile(rb"[0-9]+|[A-Za-z]+")


def _hash(word: bytes) -> int:
    h = 2166136261  # FNV-1a
    for byte in b"#" if word[:1].isdigit() else word.lower():
        h = (h ^ byte) * 16777619 & 0xFFFFFFFF
    return h


def _bucket(h: int) -> int:
    h ^= h >> 15
    h = h * 0x85EBCA6B & 0xFFFFFFFF
    return (h ^ h >> 13) % _BUCKETS


@lru_cache(maxsize=4096)
def message_words(text: bytes) -> tuple[int, ...]:
    """Rows of the words and of each two neighbouring words; numbers share a word."""
    hashes = [_hash(word) for word in _WORD.findall(text)[:_WORDS_MAX]]
    pairs = [(before * 31 + word) & 0xFFFFFFFF for before, word in zip(hashes, hashes[1:])]
    return tuple(_bucket(h) for h in hashes + pairs)


class NethackCompact:
    """Crop, facts, words and status side by side, and a dense layer over them."""

    def __init__(self, network: Network, tensors: Tensors) -> None:
        self.t = tensors

    def __call__(self, batch: Batch) -> np.ndarray:
        t, blstats = self.t, batch["blstats"].reshape(-1, 27)
        n = len(blstats)
        glyphs = batch["glyphs"].reshape(n, ROWS, COLS)
        glyphs = np.where((glyphs < 0) | (glyphs > _PAD), _PAD, glyphs)
        x, y = np.clip(blstats[:, 0], 0, COLS - 1), np.clip(blstats[:, 1], 0, ROWS - 1)
        crop = t["nethack.glyph"][windows(glyphs, x, y, _CROP, _CROP // 2, _CROP // 2, _PAD)]
        words = np.zeros((n, _BUCKETS), np.float32)
        for i, text in enumerate(messages(batch["message"].reshape(n, -1))):
            np.add.at(words[i], list(message_words(text)), 1)
        parts = [
            dense(crop.reshape(n, -1), t["nethack.crop_w"], t["nethack.crop_b"], relu),
            dense(map_facts(glyphs, x, y, blstats), t["nethack.map_table"], t["nethack.map_b"], relu),
            dense(words, t["nethack.word_table"], t["nethack.word_b"], relu),
            dense(status(x, y, blstats), t["nethack.status_w"], t["nethack.status_b"], relu),
        ]
        return dense(np.concatenate(parts, axis=1), t["nethack.out_w"], t["nethack.out_b"], relu)
