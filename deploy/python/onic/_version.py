# SPDX-License-Identifier: MIT
"""The version, that of the C programs (``CMakeLists.txt``; tests/python/test_package.py compares them)."""

__version__ = "0.2.0"
