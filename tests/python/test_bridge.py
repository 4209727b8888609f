# SPDX-License-Identifier: MIT
"""The bridge to Gymnasium: a world that broke is another one afterwards, what it started ends with it, and one that Gymnasium only happens to know is of a module."""

import os
import pathlib
import signal
import subprocess
import sys

from gym_support import BAD, HERE, PYTHON, children_of, trace
from support import ONIC, OnicTest, onic


class Bridge(OnicTest):
    def test_a_world_that_broke_is_closed_and_made_anew(self):
        lines, _, _ = trace("gym:started_worlds:Anew-v0", [1] * 6)
        self.assertIn("ValueError: worn out (started_worlds.py:", lines[3]["fault"])
        self.assertEqual([line["obs"]["state"] for line in lines[:3]], [[1, 0]] * 3)
        self.assertEqual([line["obs"]["state"] for line in lines[4:]], [[2, 1]] * len(lines[4:]))
        self.assertGreater(len(lines), 5)

    def test_what_a_world_has_started_ends_with_its_process(self):
        children = self.folder / "children"
        lines, _, _ = trace("gym:started_worlds:Stuck-v0", [1] * 3, "--actors.step_timeout_s=2", surroundings={"STARTED_CHILDREN": str(children)})
        self.assertIn("gave no answer", lines[3]["fault"])
        [child] = map(int, children.read_text().split())
        self.addCleanup(self.end, child)
        self.wait_until(lambda: not pathlib.Path(f"/proc/{child}").exists(), 10)

    def test_what_a_world_has_started_ends_with_its_actor(self):
        children = self.folder / "children"
        actor = subprocess.Popen(
            [ONIC, "env", "trace", "gym:strange_worlds:Starts-v0", "--seed=1", "--actions=-", PYTHON], cwd=HERE, env={**os.environ, "STRANGE_CHILDREN": str(children)},
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        self.addCleanup(actor.communicate)
        self.wait_until(lambda: children.exists() and children.read_text().endswith("\n"))
        [worker], child = children_of(actor.pid), int(children.read_text())
        self.addCleanup(self.end, child)
        actor.kill()
        actor.wait()
        self.wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in (worker, child)), 20)

    def end(self, pid):
        """Of a test that has failed."""
        if pathlib.Path(f"/proc/{pid}").exists():
            os.kill(pid, signal.SIGKILL)

    def test_what_is_registered_before_is_of_a_module(self):
        """By what the interpreter imports when it starts, say: Gymnasium knows the world without anybody's word."""
        (self.folder / "sitecustomize.py").write_text("import gymnasium\ngymnasium.register('Planted-v0', 'planted:World')\n")
        program = self.folder / "python"
        program.write_text(f'#!/bin/sh\nexport PYTHONPATH={self.folder}:"$PYTHONPATH"\nexec {sys.executable} "$@"\n')
        program.chmod(0o755)
        done = onic("env", "describe", "gym:Planted-v0", f"--gym.python={program}", cwd=HERE, check=False)
        self.assertEqual(done.returncode, BAD, done.stderr)
        self.assertIn("Planted-v0 is not an environment of Gymnasium's own: name its module, gym:MODULE:Planted-v0", done.stderr)
