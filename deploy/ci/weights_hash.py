#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does a change keep the numbers? Trains three short deterministic runs and prints the SHA-256 of the weights of each.

    deploy/ci/weights_hash.py [--build=build] [--frames=300000]

Run it before and after a change that must not touch what is learned: the three lines are equal, or the change did more
than it says. The hash is over the policy's tensors of the newest checkpoint in name order: name, shape and data of each.
Equal numbers are promised for one machine (the BLAS library chooses its kernels by the CPU).
"""
import argparse
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RUNS = [
    ("minigrid:KeyCorridorS3R3 hash rules", ["deploy/configs/keycorridor.yaml", "--reward.model=hash", "--annotator.id=rules"]),
    ("minigrid:DoorKey-5x5 ranking rules", ["--env.id=minigrid:DoorKey-5x5", "--reward.model=ranking", "--annotator.id=rules"]),
    ("corridor none", ["--env.id=corridor", "--reward.model=none", "--reward.coef_int=0"]),
]


def policy_hash(path):
    """SHA-256 over the tensors policy/* of a safetensors file, in name order."""
    with open(path, "rb") as f:
        (size,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(size))
        data = f.read()
    digest = hashlib.sha256()
    names = sorted(name for name in header if name.startswith("policy/"))
    if not names:
        sys.exit(f"{path} holds no tensor policy/*")
    for name in names:
        begin, end = header[name]["data_offsets"]
        digest.update(f"{name} {header[name]['shape']}\n".encode())
        digest.update(data[begin:end])
    return digest.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="folder with the programs")
    parser.add_argument("--frames", type=int, default=300000)
    args = parser.parse_args()
    for name, options in RUNS:
        with tempfile.TemporaryDirectory() as folder:
            run = os.path.join(folder, "run")
            command = [os.path.join(os.path.abspath(args.build), "onic"), "train", *options, "--deterministic", "--seed=1",
                       f"--frames={args.frames}", "--stop.success=0", f"--run-dir={run}"]
            ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            if ended.returncode != 0:
                sys.exit(f"{' '.join(command)}\nended with {ended.returncode}:\n{ended.stderr[-2000:]}")
            checkpoints = os.path.join(run, "checkpoints")
            newest = max(f for f in os.listdir(checkpoints) if f.startswith("ckpt-") and f.endswith(".safetensors"))
            print(policy_hash(os.path.join(checkpoints, newest)), name, flush=True)


if __name__ == "__main__":
    main()
