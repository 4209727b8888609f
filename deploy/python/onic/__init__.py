# SPDX-License-Identifier: MIT
"""Runs and policies of onic in Python.

>>> import onic
>>> run = onic.load("runs/keycorridor-s1")      # run.metrics, run.labels, run.episodes: pandas
>>> policy = onic.Policy("runs/keycorridor-s1")  # the trained network in NumPy
>>> action, state = policy.act(observation, policy.initial_state())

Nothing but NumPy is needed to import it; what else a function needs it says when it is called. Names are looked up on first
use (``_LAZY``), so that importing the package costs next to nothing.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.util
import sys
from typing import Any

from onic._version import __version__

# name -> module that has it; a new public name is a line here
_LAZY: dict[str, str] = {
    "OnicError": "onic.errors",
    "Policy": "onic.policy",
    "evaluate": "onic.evaluation",
    "Run": "onic.run",
    "load": "onic.run",
}

__all__ = ["__version__", *_LAZY]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(importlib.import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"the package onic has no {name!r}; it has {', '.join(sorted(__all__))}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _WhenGymnasiumComes(importlib.abc.MetaPathFinder):
    """Gymnasium learns the names onic/... (``onic.envs``) when it is imported, not before: it takes half a second."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "gymnasium":
            return None
        sys.meta_path.remove(self)  # the others are asked
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if spec is not None and spec.loader is not None:  # who only looks whether it is there executes nothing
            run = spec.loader.exec_module
            spec.loader.exec_module = lambda module: (run(module), self._leave(), _register_worlds())[0]
        return spec

    def _leave(self) -> None:
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(self)


def _register_worlds() -> None:
    with contextlib.suppress(ImportError, AttributeError):  # of a Gymnasium before 1.0
        importlib.import_module("onic.envs")


if "gymnasium" in sys.modules:
    _register_worlds()
else:
    sys.meta_path.insert(0, _WhenGymnasiumComes())
