# SPDX-License-Identifier: MIT
"""What the tests of Gymnasium's environments share."""

import json
import os
import pathlib
import subprocess
import sys

from support import ONIC, OnicTest, onic

PYTHON = f"--gym.python={sys.executable}"
HERE = pathlib.Path(__file__).parent
BAD = 64


def trace(env, actions, *options, seed=1, check=True, folder=HERE, surroundings={}):
    done = subprocess.run(
        [str(ONIC), "env", "trace", env, f"--seed={seed}", "--actions=-", PYTHON, *options],
        input=" ".join(map(str, actions)), capture_output=True, text=True, timeout=120, cwd=folder, env={**os.environ, **surroundings},
    )  # fmt: skip
    if check and done.returncode:
        raise AssertionError(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr, done.returncode


def children_of(pid):
    """Numbers and states of the processes whose parent is `pid`."""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found[int(stat.parent.name)] = fields[0]
    return found


class GymTest(OnicTest):
    def train(self, *options, frames=3000, code=0, folder=HERE):
        done = onic(
            "train", f"--frames={frames}", "--dashboard.listen=off", "--actors.count=1", "--train.batch=512", f"--run-dir={self.folder}/run", PYTHON,
            *options, cwd=folder, check=False, timeout=400,
        )  # fmt: skip
        self.assertEqual(done.returncode, code, done.stderr[-3000:])
        return done.stderr
