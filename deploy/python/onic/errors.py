# SPDX-License-Identifier: MIT
"""What goes wrong, as one sentence that names what the user can change."""

from __future__ import annotations

import importlib
from types import ModuleType


class OnicError(Exception):
    """A file, a run or an environment that cannot be used, and why, in one sentence."""


def need(module: str, for_what: str, extra: str) -> ModuleType:
    """Imports an optional package.

    Raises ImportError with a sentence: what needs it, and the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = error.name or module
        raise ImportError(
            f"{for_what} needs the package {missing.split('.')[0]}, which this Python does not have: "
            f"pip install 'onic[{extra}]', or pip install {missing.split('.')[0]}",
            name=missing,
        ) from error
