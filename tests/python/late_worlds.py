# SPDX-License-Identifier: MIT
"""The worlds of strange_worlds.py in a module whose import may go wrong: the file LATE_WORLDS has a word for each import to come."""

import os
import pathlib
import signal
import time

import gymnasium
from strange_worlds import Dies, Listed, Plain  # noqa: F401 - registered there

lives = pathlib.Path(os.environ.get("LATE_WORLDS", "/dev/null"))
now, _, later = lives.read_text().partition(" ")
lives.write_text(later) if now else None
if now == "die":
    os.kill(os.getpid(), signal.SIGKILL)
if now == "refuse":
    raise RuntimeError("no more worlds")
if now == "sleep":
    time.sleep(4)
    lives.write_text("slept")


class Successes(Listed):
    """Those of a process whose word was "tell" tell successes."""

    def info(self):
        return {"is_success": self.x >= self.far} if now == "tell" else {}


gymnasium.register(id="Successes-v0", entry_point=Successes)
