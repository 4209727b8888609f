# SPDX-License-Identifier: MIT
"""Runs the unittest cases of one file; see run.sh.

Ends with 77 when every case was skipped; a case that was skipped among others is a line that tests/run.sh collects.
"""

import importlib
import sys
import unittest


def main():
    module = importlib.import_module(sys.argv[1].rsplit("/", 1)[-1].removesuffix(".py"))
    loader = unittest.TestLoader()
    names = sys.argv[2:]
    suite = loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    for case, reason in result.skipped:
        print(f"[  SKIPPED ] {case.id()}: {reason}")
    if not result.wasSuccessful():
        return 1
    if result.testsRun == 0:
        print("no test ran: what should be tested is not there", file=sys.stderr)
        return 1
    return 77 if len(result.skipped) == result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
