#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Steps the nle package's NetHackScore-v0 and `onic env trace nethack:Score --env.actions=23` side by side.

Both get the same seeds (taken from the trace's reset lines), the same random actions and the same frozen clock
(run this through nethack_parity.sh, which sets the package's clock with faketime). Every observation field, the
message, the reward and the end of the episode must be equal; the first difference is printed and the exit code
is 1. At the step limit the package quits the game and returns what the quitting left, onic the observation
before it, so there only reward and end are compared.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import time

import numpy as np
from nle.env.tasks import NetHackScore

FIELDS = ("glyphs", "blstats", "message", "tty_chars", "tty_colors", "tty_cursor")


def start_trace(args):
    environment = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "FAKETIME")}
    command = args.onic + [
        "env", "trace", "nethack:Score", "--env.actions=23", f"--seed={args.seed}", "--actions=-",
        f"--env.max_steps={args.max_steps}", f"--env.clock={args.clock}", "--env.obs=" + ",".join(FIELDS)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)


def differences(line, obs):
    for name in FIELDS:
        ours, theirs = np.array(line["obs"][name]), obs[name].astype(np.int64).ravel()
        where = np.flatnonzero(ours != theirs)
        if where.size:
            i = where[0]
            yield f"{name}: {where.size} elements differ, first [{i}]: onic {ours[i]}, package {theirs[i]}"
    text = bytes(obs["message"]).split(b"\0", 1)[0].decode("latin-1")
    if line["message"] != text:
        yield f"message: onic {line['message']!r}, package {text!r}"


def compare(args):
    child = start_trace(args)
    env = NetHackScore(observation_keys=FIELDS, max_episode_steps=args.max_steps)
    rng = random.Random(args.seed)

    def read():
        text = child.stdout.readline()
        if not text:
            sys.exit(f"the trace ended early, exit code {child.wait()}")
        return json.loads(text)

    def reset():
        line = read()
        seeds = line["seeds"]
        env.seed(seeds["core"], seeds["disp"], reseed=False, lgen=seeds["lgen"])
        obs, _ = env.reset()
        return line, obs

    episodes = steps = in_episode = 0
    deaths = limits = 0
    line, obs = reset()
    bad = list(differences(line, obs))
    while not bad and (episodes < args.episodes or steps < args.steps):
        action = rng.randrange(23)
        child.stdin.write(f"{action}\n")
        child.stdin.flush()
        obs, reward, terminated, truncated, _ = env.step(action)
        line = read()
        steps += 1
        in_episode += 1
        ended = terminated or truncated
        if abs(line["reward"] - reward) > 1e-6 * max(1.0, abs(reward)):
            bad.append(f"reward: onic {line['reward']}, package {reward}")
        if (line["terminated"] or line["truncated"]) != ended:
            bad.append(f"end: onic {line['terminated'] or line['truncated']}, package {ended}")
        if not line["truncated"]:
            bad += differences(line, obs)
        if ended and not bad:
            episodes += 1
            limits += line["truncated"]
            deaths += line["terminated"]
            in_episode = 0
            line, obs = reset()
            bad = list(differences(line, obs))
    child.stdin.close()
    child.wait()
    env.close()
    for text in bad:
        print(f"seed {args.seed}, episode {episodes}, step {in_episode}: {text}")
    print(json.dumps({"seed": args.seed, "steps": steps, "episodes": episodes, "ended_by_game": deaths,
                      "ended_by_limit": limits, "package_clock": int(time.time()), "equal": not bad}))
    return 1 if bad else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--onic", nargs="+", default=["build/onic"], help="the program (and leading arguments)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--episodes", type=int, default=3, help="at least so many complete episodes")
    parser.add_argument("--steps", type=int, default=0, help="and at least so many steps")
    parser.add_argument("--max-steps", type=int, default=5000)
    parser.add_argument("--clock", type=int, default=1700500000)
    args = parser.parse_args()
    if int(time.time()) != args.clock:
        sys.exit(f"the clock shows {int(time.time())}, not {args.clock}: run this through nethack_parity.sh")
    return compare(args)


if __name__ == "__main__":
    sys.exit(main())
