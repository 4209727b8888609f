# SPDX-License-Identifier: MIT
"""What several tests of the Python package use."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

SOURCE = pathlib.Path(os.environ["ONIC_SOURCE"])
BUILD = pathlib.Path(os.environ["ONIC_BUILD"])
ONIC = BUILD / "onic"


class OnicTest(unittest.TestCase):
    """A test with a folder of its own, self.folder, which is removed afterwards."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="onic-python-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    @staticmethod
    def shared_folder(cls):
        """A folder for all tests of a class, to be asked for in its setUpClass."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="onic-python-"))
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder

    @staticmethod
    def wait_until(condition, seconds=100):
        """Until it is so; a test fails only when it never is."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError("it never came to be")
            time.sleep(0.2)


def answers(run):
    """{caption: label} of the labels that a run has by now."""
    from onic import load

    if not (run / "labels.sqlite").exists():
        return {}
    labels = load(run).labels
    return dict(labels.loc[labels["state"] == "answered", ["caption", "label"]].itertuples(index=False))


def train_until(condition, run, *arguments, cwd=None):
    """Trains until it is so, and ends the run in order. A number of frames would end some runs before their first label: the reward server works
    beside the training, and nobody knows how fast a machine is."""
    command = [ONIC, "train", *arguments, f"--run-dir={run}", "--frames=1000000000", "--dashboard.listen=off"]
    with open(run.with_suffix(".log"), "w+") as log, subprocess.Popen([*map(str, command)], cwd=cwd, stdout=log, stderr=log) as child:
        try:
            OnicTest.wait_until(lambda: child.poll() is not None or ((run / "metrics.jsonl").exists() and condition()))
        finally:
            child.terminate()
        code = child.wait(60)
        log.seek(0)
        said = log.read()
    if code != 0:
        raise AssertionError(f"the training ended with {code}:\n{said[-3000:]}")
    return said


def sealed(data):
    """A checkpoint that was changed, with the checksums that it must have (common/checkpoint/FORMAT.md)."""
    from onic.xxh3 import xxh3_128

    data, base = bytearray(data), 8 + int.from_bytes(data[:8], "little")

    def write(key, digest):
        at = data.index(f'"{key}":"'.encode()) + len(key) + 4
        data[at : at + 32] = digest

    with contextlib.suppress(ValueError, RecursionError):  # a header that is none has no tensors
        for name, tensor in json.loads(data[8:base]).items():
            first, last = tensor.get("data_offsets", (0, 0))
            if last - first > 240:  # xxh3_128 takes no less
                write(f"onic.xxh3/{name}", xxh3_128(data[base + first : base + last]).encode())
    write("onic.xxh3", b"0" * 32)
    write("onic.xxh3", xxh3_128(data).encode())
    return bytes(data)


def sealed_config(options):
    """A config.yaml of these lines, as onic closes one; xxh3_128 takes no short text."""
    from onic.xxh3 import xxh3_128

    text = "# of a test\n" * 21 + options
    return f"{text}# checksum of the lines above: {xxh3_128(text.encode())}\n"


def onic(*arguments, cwd=None, check=True, timeout=170, surroundings={}):
    """Runs the program onic; returns the finished process with its texts. surroundings: of its environment."""
    done = subprocess.run(
        [str(ONIC), *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=timeout, env={**os.environ, **surroundings}
    )
    if check and done.returncode != 0:
        raise AssertionError(f"onic {' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done
