# SPDX-License-Identifier: Apache-2.0
"""Which interpreters the run-time tests have here. A version that is missing is named, and in CI some may not be missing."""
import subprocess
import sys
import unittest

from harness import IN_CI, REQUIRED_IN_CI, environment, interpreters, missing_versions


def version_text(minor):
    return "%d.%d" % minor


class Interpreters(unittest.TestCase):
    def test_found_and_missing_are_named(self):
        found = interpreters()
        for interpreter in found:
            sys.stderr.write("  python %s\n" % interpreter.name)
        missing = missing_versions(found)
        if missing:
            sys.stderr.write("  NOT TESTED, not on this machine: %s\n" % ", ".join(map(version_text, missing)))
        self.assertTrue(found, "no interpreter at all")
        if IN_CI:
            absent = [version_text(minor) for minor in REQUIRED_IN_CI if minor in missing]
            self.assertEqual(absent, [], "CI must test these versions; `tools/pythons setup` installs them")

    def test_each_runs_the_programs(self):
        for interpreter in interpreters():
            with self.subTest(python=interpreter.name):
                completed = subprocess.run(
                    interpreter.command("short_lived.py", 0.01), stdout=subprocess.PIPE, text=True, env=environment()
                )
                self.assertEqual((completed.returncode, completed.stdout), (0, "ready\n"))


if __name__ == "__main__":
    unittest.main()
