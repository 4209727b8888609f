#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/golden/nethack_score_23.txt: checksums of games played by the nle package's NetHackScore-v0.

    TZ=UTC faketime -f '2023-11-20 17:06:40' python tests/golden/make_nethack.py SEEDS > tests/golden/nethack_score_23.txt

SEEDS: a file with one line "S episode core disp lgen" per episode, the seeds that onic derives (the reset lines of
`onic env trace`). Actions: x <- x * 6364136223846793005 + 1442695040888963407 mod 2^64, action (x >> 33) mod 23,
starting from x = S. A checksum is the CRC-32 of glyphs, blstats, message of every observation since the start of
the episode; one line every 250 steps and at the end of an episode. The package stands alone here: no code of onic runs.
"""
import sys
import time
import zlib

import numpy as np
from nle.env.tasks import NetHackScore

FIELDS = (("glyphs", "<i2"), ("blstats", "<i8"), ("message", "u1"))


def main():
    if int(time.time()) != 1700500000:
        sys.exit("the clock must be frozen at 1700500000: use faketime")
    env = NetHackScore(observation_keys=("glyphs", "blstats", "message"))
    last_seed = None
    for line in open(sys.argv[1]):
        seed, episode, core, disp, lgen = map(int, line.split())
        if seed != last_seed:
            x = last_seed = seed
        env.seed(core, disp, reseed=False, lgen=lgen)
        obs, _ = env.reset()
        crc, steps, total, ended = 0, 0, 0.0, False

        def add(crc):
            for name, kind in FIELDS:
                crc = zlib.crc32(np.ascontiguousarray(obs[name]).astype(kind).tobytes(), crc)
            return crc

        crc = add(crc)
        print("episode", seed, episode, core, disp, lgen)
        while not ended:
            x = (x * 6364136223846793005 + 1442695040888963407) % 2**64
            obs, reward, terminated, truncated, _ = env.step((x >> 33) % 23)
            ended = terminated or truncated
            steps += 1
            total += reward
            crc = add(crc)
            if ended or steps % 250 == 0:
                print("end" if ended else "at", steps, f"{crc:08x}", f"{total:.2f}")
    env.close()


if __name__ == "__main__":
    main()
