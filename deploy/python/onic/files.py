# SPDX-License-Identifier: MIT
"""Files of a run that may be another user's: what is no file, a pipe or a device, is neither waited for nor read to its end."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO, Any

from onic.errors import OnicError


def check_plain(path: Path) -> None:
    """OnicError where something is there that is no regular file."""
    try:
        mode = path.stat().st_mode
    except OSError:  # whoever opens it says so
        return
    if not stat.S_ISREG(mode):
        raise OnicError(f"{path} cannot be read: it is no regular file")


def _opener(path: str, flags: int) -> int:
    file = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OnicError(f"{path} cannot be read: it is no regular file")
    return file


def open_plain(path: Path, mode: str = "r", **how: Any) -> IO[Any]:
    """``open`` of a regular file for reading; OnicError with the reason where it cannot be, or is something else."""
    try:
        return open(path, mode, opener=_opener, **how)
    except OSError as error:
        raise OnicError(f"{path} cannot be read: {error.strerror or error}") from error


def read_plain_text(path: Path) -> str:
    """The whole file, or OnicError with the reason."""
    with open_plain(path, encoding="utf-8", errors="replace") as file:
        try:
            return file.read()
        except OSError as error:
            raise OnicError(f"{path} cannot be read: {error.strerror or error}") from error
