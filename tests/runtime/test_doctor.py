# SPDX-License-Identifier: Apache-2.0
"""`pyebpf doctor` describes this machine and the Pythons that run on it."""
import contextlib
import json
import unittest

from harness import RootTestCase, interpreters, run_pyebpf, start


class Doctor(RootTestCase):
    def test_lists_the_running_pythons_with_their_versions(self):
        found = interpreters()
        with contextlib.ExitStack() as stack:
            targets = {one: stack.enter_context(start(one, "sleep_and_io.py", 3600)) for one in found}
            completed = run_pyebpf("doctor", "--json")
            self.assertEqual(completed.returncode, 0, completed.stderr)
            report = json.loads(completed.stdout)
        pythons = {entry["pid"]: entry for entry in report["python_processes"]}
        for interpreter, target in targets.items():
            with self.subTest(python=interpreter.name):
                self.assertIn(target.pid, pythons)
                entry = pythons[target.pid]
                self.assertTrue(entry["version"].startswith("%d.%d" % interpreter.minor), entry)
                self.assertTrue(entry["supported"], entry)

    def test_everything_that_the_other_tests_use_works(self):
        findings = {entry["name"]: entry for entry in json.loads(run_pyebpf("doctor", "--json").stdout)["findings"]}
        for name in findings:
            if name.startswith("BPF on ") or name.startswith("BPF iterator"):
                self.assertTrue(findings[name]["ok"], findings[name])

    def test_text_says_that_this_machine_can_profile(self):
        completed = run_pyebpf("doctor")
        self.assertEqual(completed.returncode, 0, completed.stderr)
        for word in ("BTF", "capabilities", "max sample rate", "ready to record"):
            self.assertIn(word, completed.stdout)


if __name__ == "__main__":
    unittest.main()
