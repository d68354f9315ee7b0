#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up the JUnit reports of ctest: what did not pass, by name, and the closing line `N passed, N failed`.

usage: tools/lib/test_summary.py REPORT...

What did not pass is named. A test that skips itself counts as neither, but as failed if the environment has CI=true. A test that
could not be started (no program, a failed fixture), a missing report (ctest died) and a run without any test always count as
failed. The exit status is 1 if any failed.
"""

import os
import sys
import xml.etree.ElementTree as ElementTree

# What CMake writes for a test that skipped itself (SKIP_RETURN_CODE, SKIP_REGULAR_EXPRESSION), as opposed to one that could
# not be started; both have status="notrun".
SKIP_PREFIX = "SKIP_"


def outcome(case):
    """`passed`, `failed` or `skipped` of one <testcase>, with the reason for the latter two."""
    status = case.get("status")
    if status == "run":
        return "passed", ""
    detail = case.find("failure") if status == "fail" else case.find("skipped")
    reason = detail.get("message", "") if detail is not None else status
    if status == "notrun" and reason.startswith(SKIP_PREFIX):
        return "skipped", reason
    return "failed", reason or status


def main(arguments):
    if arguments[:1] in (["--help"], ["-h"]):
        print(__doc__.strip())
        return 0
    if not arguments or any(argument.startswith("-") for argument in arguments):
        print("test_summary: reports are needed; see test_summary.py --help", file=sys.stderr)
        return 2
    in_ci = os.environ.get("CI") == "true"
    passed = failed = 0
    for report in arguments:
        if not os.path.exists(report):
            print(f"failed: ctest left no report {report}")
            failed += 1
            continue
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            result, reason = outcome(case)
            if result == "skipped" and in_ci:
                result = "failed"
            passed += result == "passed"
            failed += result == "failed"
            if result != "passed":
                print(f"{result}: {case.get('name')} ({reason or 'no reason given'})")
    if passed + failed == 0:
        print("failed: no test ran")
        failed = 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
