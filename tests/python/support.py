# SPDX-License-Identifier: MIT
"""What several tests of the Python package use."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["ONIC_SOURCE"])
BUILD = pathlib.Path(os.environ["ONIC_BUILD"])
ONIC = BUILD / "onic"


class OnicTest(unittest.TestCase):
    """A test with a folder of its own, self.folder, which is removed afterwards."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="onic-python-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)


def onic(*arguments, cwd=None, check=True, timeout=170):
    """Runs the program onic; returns the finished process with its texts."""
    done = subprocess.run([str(ONIC), *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=timeout)
    if check and done.returncode != 0:
        raise AssertionError(f"onic {' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done
