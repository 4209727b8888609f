# SPDX-License-Identifier: MIT
"""Prints a caption pool of random NetHack play; see README.md. Needs `pip install nle==1.3.0 gymnasium`."""
import random
import sys

import gymnasium
import nle  # noqa: F401  registers the environments

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 600000
env = gymnasium.make("NetHackScore-v0", observation_keys=("message",), max_episode_steps=5000)
rng = random.Random(0)
seen = {}
obs, _ = env.reset(seed=0)
for _ in range(steps):
    obs, _, terminated, truncated, _ = env.step(rng.randrange(env.action_space.n))
    text = bytes(obs["message"]).split(b"\0")[0].decode("latin-1").strip()
    if text and len(text) <= 256 and text.isascii() and text.isprintable() and text[0] != "#":
        seen[text] = seen.get(text, 0) + 1
    if terminated or truncated:
        env.reset()
by_frequency = sorted(seen, key=lambda text: -seen[text])
rest = by_frequency[80:]
random.Random(20231120).shuffle(rest)
print("# 300 captions of random play on NetHack (NLE 1.3.0): the 80 most frequent and 220 drawn of the rest;")
print("# the command is in deploy/goals/README.md.")
for text in by_frequency[:80] + rest[:220]:
    print(text)
