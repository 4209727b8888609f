#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Numbers of tests/unit/reward_server/test_wordvec.c: word vectors, sums and cosines, without the code under test."""
import math
import re

VEC = {
    "you": [0.1, -0.2, 0.3, 0.05], "see": [0.25, 0.5, -0.125, 1.5], "key": [-1.5, 0.75, 2.25, -0.4],
    "door": [0.9, -0.1, 0.35, 0.6], "red2": [0.01, 0.02, 0.03, 0.04], "caf\u00e9": [1e-3, -2.5e-1, 0.5, 7.0],
}


def bag(text):
    known = [VEC[t] for t in re.findall(r"[^\W_]+", text.lower()) if t in VEC]
    return [math.fsum(c) for c in zip(*known)] if known else [0.0] * 4


def cosine(a, b):
    n = math.hypot(*a) * math.hypot(*b)
    return math.fsum(x * y for x, y in zip(a, b)) / n if n else 0.0


GOAL = ["Key.", "You see a door!"]
for text in ["You see a KEY, a key and a door.", "red2 caf\u00e9", "red 2", "", "a b c", "You see a door."]:
    print(repr(text), [f"{x:.9g}" for x in bag(text)], [f"{cosine(bag(text), bag(g)):.9f}" for g in GOAL])
