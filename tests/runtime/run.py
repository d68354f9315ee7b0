#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the run-time tests: all of tests/runtime/test_*.py, or those that are named.

usage: run.py [--help] [FILE | FILE.CLASS[.TEST] | PATH]...       for example: run.py test_stacks test_shares.Truth

Environment: PYEBPF            the program under test (default: the newest of build/*/)
             PYEBPF_TEST_PYTHONS  versions to use, separated by commas (default: all of `tools/pythons list`)
             CI=true           what cannot run is a failure
Exit status: 0 all passed, 1 some failed, 77 nothing could run (the reasons are printed).
"""
import glob
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
NOTHING_RAN = 77


def main(arguments):
    if "--help" in arguments or "-h" in arguments:
        print(__doc__.strip())
        return 0
    sys.path.insert(0, HERE)
    # A test of another folder brings that folder's modules with it.
    sys.path[1:1] = sorted({os.path.dirname(os.path.abspath(one)) for one in arguments if os.sep in one})
    names = [os.path.basename(argument).replace(".py", "") for argument in arguments]
    if not names:
        names = sorted(os.path.basename(path)[:-3] for path in glob.glob(os.path.join(HERE, "test_*.py")))
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    for test, reason in result.skipped:
        print("skipped: %s: %s" % (test, reason), file=sys.stderr)
    if not result.wasSuccessful() or result.skipped and os.environ.get("CI") == "true":
        return 1
    # A class that is skipped as a whole counts no test as run.
    if result.testsRun == 0 or result.testsRun == len(result.skipped):
        return NOTHING_RAN
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
