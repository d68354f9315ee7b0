# SPDX-License-Identifier: Apache-2.0
"""tools/lib/test_summary.py: every outcome that ctest reports, in CI and elsewhere."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).resolve().parent.parent.parent / "tools" / "lib" / "test_summary.py"

# As CMake 3.25 writes them.
PASSED = '<testcase name="passed" status="run"/>'
FAILED = '<testcase name="failed" status="fail"><failure message=""/></testcase>'
SKIPPED = '<testcase name="skipped" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/></testcase>'
MISSING = '<testcase name="missing" status="notrun"><skipped message="Unable to find executable"/></testcase>'
DISABLED = '<testcase name="disabled" status="disabled"/>'


class TestSummary(unittest.TestCase):
    def summarize(self, *reports, ci=False):
        """(exit status, lines of stdout)"""
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number, cases in enumerate(reports):
                paths.append(Path(folder) / f"{number}.xml")
                if cases is not None:
                    paths[-1].write_text(f"<testsuite>{''.join(cases)}</testsuite>", encoding="utf-8")
            environment = {**os.environ, "CI": "true" if ci else ""}
            done = subprocess.run([TOOL, *paths], env=environment, stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout.splitlines()

    def test_all_passed(self):
        self.assertEqual(self.summarize([PASSED, PASSED], [PASSED]), (0, ["3 passed, 0 failed"]))

    def test_a_failure(self):
        self.assertEqual(self.summarize([PASSED, FAILED]), (1, ["failed: failed (fail)", "1 passed, 1 failed"]))

    def test_a_skipped_test_counts_as_neither(self):
        self.assertEqual(self.summarize([PASSED, SKIPPED]), (0, ["skipped: skipped (SKIP_RETURN_CODE=77)", "1 passed, 0 failed"]))

    def test_a_skipped_test_fails_in_ci(self):
        status, lines = self.summarize([PASSED, SKIPPED], ci=True)
        self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed"))

    def test_a_test_without_program_fails(self):
        self.assertEqual(self.summarize([MISSING]), (1, ["failed: missing (Unable to find executable)", "0 passed, 1 failed"]))

    def test_a_disabled_test_fails(self):
        self.assertEqual(self.summarize([PASSED, DISABLED])[1][-1], "1 passed, 1 failed")

    def test_a_lost_report_fails(self):
        status, lines = self.summarize([PASSED], None)
        self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed"))

    def test_no_test_at_all_fails(self):
        self.assertEqual(self.summarize([], []), (1, ["failed: no test ran", "0 passed, 1 failed"]))


if __name__ == "__main__":
    unittest.main()
