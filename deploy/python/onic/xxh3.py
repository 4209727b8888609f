# SPDX-License-Identifier: MIT
"""XXH3 of 128 bits for more than 240 bytes, after the algorithm's published description (xxhash_spec, "XXH3").

Every block of 1024 bytes is 16 stripes of eight lanes. Within a block lanes only add up, so the sums of many blocks are made at
once; one after the other goes only what ends a block. About 100 MB a second.
"""

from __future__ import annotations

import numpy as np

_PRIME32_1, _PRIME32_2, _PRIME32_3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
_PRIME64_1, _PRIME64_2, _PRIME64_3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_PRIME64_4, _PRIME64_5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
_MASK = (1 << 64) - 1
_STRIPE, _BLOCK = 64, 1024
_AT_ONCE = 4096  # blocks

# the algorithm's default secret
_SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f951604"
    "28afd7fbcabb4b407e"
)
_SWAP = np.arange(8) ^ 1


def _lanes(at: int) -> np.ndarray:
    return np.frombuffer(_SECRET, "<u8", count=8, offset=at)


_STRIPE_KEYS = np.stack([_lanes(8 * i) for i in range(_BLOCK // _STRIPE)])
_SCRAMBLE_KEY = _lanes(len(_SECRET) - _STRIPE)


def _gains(stripes: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """What stripes [..., n, 8] add to the lanes: [..., 8]."""
    mixed = stripes ^ keys
    product = (mixed & np.uint64(0xFFFFFFFF)) * (mixed >> np.uint64(32))
    return product.sum(axis=-2, dtype=np.uint64) + stripes.sum(axis=-2, dtype=np.uint64)[..., _SWAP]


def _scramble(lanes: np.ndarray) -> np.ndarray:
    return (lanes ^ (lanes >> np.uint64(47)) ^ _SCRAMBLE_KEY) * np.uint64(_PRIME32_1)


def _merge(lanes: list[int], secret_at: int, start: int) -> int:
    keys = [int.from_bytes(_SECRET[secret_at + 8 * i :][:8], "little") for i in range(8)]
    sum_ = start
    for i in range(0, 8, 2):
        product = (lanes[i] ^ keys[i]) * (lanes[i + 1] ^ keys[i + 1])
        sum_ += (product & _MASK) ^ (product >> 64)
    sum_ &= _MASK
    sum_ ^= sum_ >> 37
    sum_ = sum_ * 0x165667919E3779F9 & _MASK
    return sum_ ^ sum_ >> 32


def xxh3_128(data: bytes | bytearray) -> str:
    """32 hexadecimal digits. ``data`` has more than 240 bytes."""
    size = len(data)
    if size <= 240:
        raise ValueError("only for more than 240 bytes")
    lanes = np.array(
        [_PRIME32_3, _PRIME64_1, _PRIME64_2, _PRIME64_3, _PRIME64_4, _PRIME32_2, _PRIME64_5, _PRIME32_1], dtype=np.uint64
    )
    blocks = (size - 1) // _BLOCK
    for first in range(0, blocks, _AT_ONCE):
        count = min(_AT_ONCE, blocks - first)
        words = np.frombuffer(data, "<u8", count=count * _BLOCK // 8, offset=first * _BLOCK).reshape(count, -1, 8)
        for gain in _gains(words, _STRIPE_KEYS):
            lanes = _scramble(lanes + gain)
    rest = (size - 1 - blocks * _BLOCK) // _STRIPE
    stripes = np.frombuffer(data, "<u8", count=rest * 8, offset=blocks * _BLOCK).reshape(rest, 8)
    lanes = lanes + _gains(stripes, _STRIPE_KEYS[:rest])
    last = np.frombuffer(data, "<u8", count=8, offset=size - _STRIPE).reshape(1, 8)
    lanes = lanes + _gains(last, _lanes(len(_SECRET) - _STRIPE - 7)[None])
    ends = [int(lane) for lane in lanes]
    low = _merge(ends, 11, size * _PRIME64_1 & _MASK)
    high = _merge(ends, len(_SECRET) - _STRIPE - 11, ~(size * _PRIME64_2) & _MASK)
    return f"{high:016x}{low:016x}"
