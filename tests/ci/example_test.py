# SPDX-License-Identifier: Apache-2.0
"""tools/ci/example as a project would use it: in a repository with two commits, by tools/ci/check.sh and the real program.

usage: example_test.py PYEBPF [unittest options]
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent
CI = PROJECT / "tools" / "ci"
EXAMPLE = CI / "example"
PYEBPF = None


class Example(unittest.TestCase):
    def test_the_jobs_use_what_there_is(self):
        inputs = re.findall(r"^  ([\w-]+):$", (CI / "action.yml").read_text().split("outputs:")[0], re.MULTILINE)
        script = (CI / "check.sh").read_text()
        job = (EXAMPLE / "github.yml").read_text()
        used = re.findall(r"^          ([\w-]+):", job.split("tools/ci@")[1], re.MULTILINE)
        self.assertTrue(used)
        for name in used:
            self.assertIn(name, inputs)
        for name in re.findall(r"^    (PYEBPF\w*):", (EXAMPLE / "gitlab.yml").read_text(), re.MULTILINE):
            self.assertIn(name, script)
        self.assertIn((EXAMPLE / "bench.py").relative_to(PROJECT).as_posix(), job)

    def test_the_workload_tells_its_work(self):
        done = subprocess.run([sys.executable, EXAMPLE / "bench.py", "1"], stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(done.stdout, "rounds: 1\n")

    def test_a_slower_commit_fails_the_job(self):
        if os.geteuid() != 0:
            if os.environ.get("CI") == "true":
                self.fail("needs root, and CI runs may not skip")
            self.skipTest("needs root")
        with tempfile.TemporaryDirectory(prefix="pyebpf-test-") as folder:
            checkout = pathlib.Path(folder) / "checkout"
            checkout.mkdir()

            def git(*arguments):
                identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
                subprocess.run(["git", *identity, *arguments], cwd=checkout, check=True, stdout=subprocess.DEVNULL)

            git("init", "-q", "-b", "main")
            shutil.copy(EXAMPLE / "bench.py", checkout)
            git("add", ".")
            git("commit", "-q", "-m", "base")
            bench = checkout / "bench.py"
            text = bench.read_text()
            slower = text.replace("for order in orders:\n        for item", "for order in 3 * orders:\n        for item")
            self.assertNotEqual(text, slower)
            bench.write_text(slower)
            git("commit", "-q", "-a", "-m", "head")
            settings = {"PYEBPF": PYEBPF, "PYEBPF_BASE_REF": "HEAD~1", "PYEBPF_COMMAND": "python3 bench.py 100", "PYEBPF_RUNS": "4",
                        "PYEBPF_ARGUMENTS": "--warm-up 0 --work-from rounds:.([0-9]+)"}
            done = subprocess.run([CI / "check.sh"], cwd=checkout, env={**os.environ, **settings}, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, check=False)
            self.assertEqual(done.returncode, 1, done.stdout)
            reports = checkout / "pyebpf-reports"
            found = [one for one in json.loads((reports / "pyebpf.json").read_text())["differences"] if one["outcome"] == "regressed"]
            self.assertIn("bench:best_sellers", [one["subject"] for one in found])
            line = text.splitlines().index("        for item in order[\"items\"]:") + 1
            self.assertIn("file=bench.py,", (reports / "annotations.txt").read_text())
            self.assertTrue(any(abs(one["line"] - line) <= 1 for one in found if "line" in one), found)


if __name__ == "__main__":
    PYEBPF = sys.argv.pop(1)
    unittest.main()
