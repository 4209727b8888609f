#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Steps the minigrid package and `onic env trace minigrid:...` side by side under random actions.

Image, direction, reward (as Python prints it with 9 significant digits, which is how onic prints it), terminated and
truncated must be equal at every step, across resets without a seed; the first difference is printed and the exit code is
1. The picture of the field `pixels` is compared with RGBImgPartialObsWrapper's in the first steps. Actions prefer moving and using things, so that episodes also succeed, or come from a file with --actions.
"""
import argparse
import json
import random
import re
import subprocess
import sys

import gymnasium as gym
import minigrid  # noqa: F401  (registers the environments)
from minigrid.wrappers import RGBImgPartialObsWrapper

WEIGHTS = (2, 2, 5, 2, 1, 2, 0.2)  # left right forward pickup drop toggle done


def published(name):
    """The newest registered version of MiniGrid-<name>."""
    versions = [i for i in gym.registry if re.fullmatch(rf"MiniGrid-{re.escape(name)}-v\d+", i)]
    return max(versions, key=lambda i: int(i.rsplit("-v", 1)[1]))


def expected(env, seed, actions):
    """Yields what the trace must print, in its order."""
    obs, _ = env.reset(seed=seed)
    yield obs, 0, False, False
    for action in actions:
        obs, reward, terminated, truncated, _ = env.step(action)
        yield obs, reward, terminated, truncated
        if terminated or truncated:
            obs, _ = env.reset()
            yield obs, 0, False, False


def pictured(env, steps):
    """The same with the wrapper's picture as another field."""
    wrapper = RGBImgPartialObsWrapper(env)
    for obs, *rest in steps:
        yield ({**obs, "pixels": wrapper.observation(obs)["image"]}, *rest)


def difference(line, want):
    obs, reward, terminated, truncated = want
    if "pixels" in obs and line["obs"]["pixels"] != obs["pixels"].ravel().tolist():
        return "pixels"
    if line["obs"]["image"] != obs["image"].ravel().tolist():
        return "image"
    if line["obs"]["direction"] != [int(obs["direction"])]:
        return f"direction: onic {line['obs']['direction']}, package {obs['direction']}"
    if line["reward"] != float(f"{float(reward):.9g}"):
        return f"reward: onic {line['reward']}, package {float(reward):.9g}"
    if (line["terminated"], line["truncated"]) != (terminated, truncated):
        return f"end: onic {line['terminated'], line['truncated']}, package {terminated, truncated}"
    return None


def compare(args, name, seed, pictures=False):
    if args.actions:
        actions = [int(word) for word in open(args.actions).read().split()]
    else:
        actions = random.Random(f"{name} {seed}").choices(range(7), WEIGHTS, k=args.pictures if pictures else args.steps)
    command = [args.onic, "env", "trace", f"minigrid:{name}", f"--seed={seed}", "--actions=-"]
    command += ["--env.obs=all"] if pictures else []
    trace = subprocess.run(command, input=" ".join(map(str, actions)), capture_output=True, text=True)
    if trace.returncode:
        sys.exit(f"{' '.join(command)} failed: {trace.stderr}")
    lines = trace.stdout.splitlines()
    env, count, ends = gym.make(published(name), disable_env_checker=True).unwrapped, 0, 0
    steps = expected(env, seed, actions)
    for count, want in enumerate(pictured(env, steps) if pictures else steps, 1):
        what = "the trace is too short" if count > len(lines) else difference(json.loads(lines[count - 1]), want)
        if what:
            sys.exit(f"{name} seed {seed}, line {count}: {what}")
        ends += want[2]
    if count != len(lines):
        sys.exit(f"{name} seed {seed}: the trace has {len(lines)} lines, the package gives {count}")
    what = ", with pictures" if pictures else ""
    print(f"{name:24} seed {seed}: {count} lines equal{what}, {ends} episodes terminated", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--onic", required=True, help="the program")
    parser.add_argument("--env", action="append", help="name without minigrid:; default: all that onic lists")
    parser.add_argument("--seed", action="append", type=int, help="default: 0 and 31337")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--pictures", type=int, default=100, help="steps of one more comparison each, with pictures")
    parser.add_argument("--actions", help="file of action numbers instead of random ones")
    args = parser.parse_args()
    listed = json.loads(subprocess.run([args.onic, "env", "list", "--json"], capture_output=True, check=True).stdout)
    names = [e["id"].split(":", 1)[1] for e in listed if e["id"].startswith("minigrid:")]
    for name in args.env or names:
        for seed in args.seed or (0, 31337):
            compare(args, name, seed)
            compare(args, name, seed, pictures=True)


if __name__ == "__main__":
    main()
