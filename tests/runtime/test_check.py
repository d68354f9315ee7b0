# SPDX-License-Identifier: Apache-2.0
"""pyebpf check, diff, baseline and calibrate end to end: real runs of a small program, one function of which can be made dearer.

Runs are short and few: what is asserted are exit codes, names and lines. How often it alarms falsely and what it finds is measured
by tools/bench/regressions (docs/statistics.md).
"""
import json
import os
import shlex
import tempfile
import unittest

from harness import RootTestCase, environment, one_interpreter, run_pyebpf

PASS, REGRESSION, USAGE, CANNOT_MEASURE, INCONCLUSIVE = 0, 1, 2, 3, 4
SAME = (PASS, INCONCLUSIVE)
RUNS = 4

# Lines 3 and 4 become dearer.
PROGRAM = """\
def price(n):
    total = 0
    for i in range(int(n * FACTOR)):
        total += i * i
    return total

def index(n):
    return sorted(str(i * 7919 % n) for i in range(n))

def render(n):
    text = ""
    for i in range(n):
        text += chr(97 + i % 26)
    return text

def main():
    for _ in range(ROUNDS):
        price(12000)
        index(2500)
        render(9000)
    print("rounds: %d" % ROUNDS)

main()
"""
ROUNDS = 120


class Checks(RootTestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="pyebpf-test-")
        self.addCleanup(folder.cleanup)
        self.top = folder.name

    def path(self, name):
        return os.path.join(self.top, name)

    def program(self, side, factor=1.0, text=PROGRAM):
        """The command that runs the program of one side, each in a checkout of its own."""
        os.makedirs(self.path(side), exist_ok=True)
        script = os.path.join(self.path(side), "bench.py")
        with open(script, "w", encoding="utf-8") as stream:
            stream.write(text.replace("FACTOR", str(factor)).replace("ROUNDS", str(ROUNDS)))
        return shlex.join([one_interpreter().path, script])

    def run_checked(self, *arguments):
        return run_pyebpf(*arguments, env=environment())

    def check(self, *arguments, runs=RUNS):
        return self.run_checked("check", "-q", "--runs", runs, "--warm-up", 0, *arguments)

    def assert_exit(self, done, *expected):
        self.assertIn(done.returncode, expected, done.stdout + done.stderr)


class Check(Checks):
    def test_a_regression_is_named_with_its_line(self):
        done = self.check(
            "--base", self.program("base"), "--head", self.program("head", factor=1.8), "--source-root", self.path("head"),
            "--report", "text=-", "--report", "json=" + self.path("check.json"), "--report", "annotations=" + self.path("notes"),
            "--report", "html=" + self.path("check.html"),
        )
        self.assert_exit(done, REGRESSION)
        self.assertIn("pyebpf check: regression", done.stdout)
        with open(self.path("check.json"), encoding="utf-8") as stream:
            found = [one for one in json.load(stream)["differences"] if one["outcome"] == "regressed"]
        by_name = {one["subject"]: one for one in found}
        self.assertIn("bench:price", by_name, found)
        price = by_name["bench:price"]
        self.assertEqual(price["file"], "bench.py")
        self.assertIn(price["line"], (3, 4), price)
        self.assertTrue(0.5 < price["change"] < 1.2, price)
        for other in ("bench:index", "bench:render"):
            self.assertNotIn(other, by_name)
        with open(self.path("notes"), encoding="utf-8") as stream:
            self.assertRegex(stream.read(), r"::warning file=bench.py,line=[34],title=pyebpf check::bench:price got slower")
        with open(self.path("check.html"), encoding="utf-8") as stream:
            self.assertTrue(stream.read(500).lstrip().lower().startswith("<!doctype html>"))

    def test_the_same_program_is_no_regression(self):
        """In another folder, with the work counted."""
        done = self.check("--base", self.program("base"), "--head", self.program("head"), "--work-from", r"rounds: (\d+)", runs=3)
        self.assert_exit(done, *SAME)
        self.assertIn("CPU time per unit of work", done.stdout)

    def test_a_renamed_function_is_no_regression(self):
        renamed = self.program("head", text=PROGRAM.replace("price", "total_price"))
        done = self.check("--base", self.program("base"), "--head", renamed, runs=3)
        self.assert_exit(done, *SAME)
        self.assertIn("was bench:price", done.stdout)

    def test_a_command_that_fails_cannot_be_measured(self):
        failing = "sh -c 'echo the reason >&2; exit 7'"
        for base, head in [(failing, self.program("head")), (self.program("base"), failing)]:
            done = self.check("--base", base, "--head", head, runs=2)
            self.assert_exit(done, CANNOT_MEASURE)
            self.assertIn("exit code 7", done.stderr)
            self.assertIn("the reason", done.stderr)

    def test_a_program_without_samples_cannot_be_measured(self):
        done = self.check("--base", "true", "--head", "true", runs=2)
        self.assert_exit(done, CANNOT_MEASURE)
        self.assertIn("too few to compare", done.stderr)

    def test_usage(self):
        for arguments in [
            [],
            ["--base", "true"],
            ["--base", "true", "--head", "true", "--head-files", "x"],
            ["--base", "true", "--head", "true", "--runs", "1"],
            ["--base", "true", "--head", "true", "--report", "poem=-"],
            ["--base", "true", "--head", "true", "-o", "report.poem"],
            ["--base", "true", "--head", "true", "--work-from", "("],
            ["--base", "true", "--head", "true", "--inconclusive", "perhaps"],
            ["--base", "true", "--head", "true", "--alpha", "2"],
        ]:
            with self.subTest(arguments=arguments):
                done = self.run_checked("check", *arguments)
                self.assert_exit(done, USAGE)
                self.assertEqual(done.stdout, "")


class Recordings(Checks):
    def record(self, name, command, frequency=2999):
        self.assert_exit(self.run_checked("record", "-q", "-F", frequency, "-o", self.path(name), "--", "sh", "-c", command), 0)
        return self.path(name)

    def test_recordings_that_cannot_be_compared(self):
        base = self.program("base")
        one = self.record("one.pyebpf", base)
        slow = self.record("slow.pyebpf", base, frequency=499)
        other = self.record("other.pyebpf", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done")
        with open(self.path("none.pyebpf"), "w", encoding="utf-8") as stream:
            stream.write("no recording")
        for head, message in [
            ([slow, slow], "recorded differently"),
            ([self.path("none.pyebpf"), one], "none.pyebpf"),
            ([self.path("missing.pyebpf"), one], "missing.pyebpf"),
            ([one], "one run cannot tell"),
            ([other, other], "no function of the program itself in common"),
        ]:
            with self.subTest(head=head):
                done = self.run_checked("check", "--baseline", one, one, "--head-files", *head)
                self.assert_exit(done, CANNOT_MEASURE)
                self.assertIn(message, done.stderr)

    def test_diff_describes_and_writes_a_page(self):
        base = self.record("base.pyebpf", self.program("base"))
        head = self.record("head.pyebpf", self.program("head", factor=1.8))
        done = self.run_checked("diff", base, head)
        self.assert_exit(done, 0)
        self.assertIn("a description, not a verdict", done.stdout)
        self.assertIn("bench:price", done.stdout)
        for arguments in [["-o", self.path("diff.html")], ["--format", "html", "-o", self.path("page")]]:
            self.assert_exit(self.run_checked("diff", base, head, *arguments), 0)
            with open(arguments[-1], encoding="utf-8") as stream:
                self.assertIn("<script", stream.read())
        self.assert_exit(self.run_checked("diff", base), USAGE)
        self.assert_exit(self.run_checked("diff", base, self.path("missing")), CANNOT_MEASURE)


class Kept(Checks):
    def test_a_baseline_is_saved_compared_and_pruned(self):
        folder = self.path("perf")
        base = self.program("base")
        saved = self.run_checked(
            "baseline", "save", folder, "--branch", "../main", "--commit", "1a2b", "--command", base, "--runs", RUNS, "--warm-up", 0
        )
        self.assert_exit(saved, 0)
        self.assertFalse(os.path.exists(self.path("main")))
        with open(os.path.join(folder, "index.json"), encoding="utf-8") as stream:
            (entry,) = json.load(stream)["entries"]
        self.assertEqual((entry["branch"], entry["commit"], entry["suite"], entry["runs"]), ("../main", "1a2b", "default", RUNS))

        self.assert_exit(self.check("--baseline", folder, "--head", base), *SAME)
        slower = self.check("--baseline", folder, "--branch", "../main", "--head", self.program("head", factor=1.8))
        self.assert_exit(slower, REGRESSION)
        self.assertIn("../main@1a2b", slower.stdout)
        for arguments in [["--branch", "other"], ["--suite", "other"], ["--machine", "other"]]:
            refused = self.check("--baseline", folder, "--head", "exit 9", *arguments)
            self.assert_exit(refused, CANNOT_MEASURE)
            self.assertIn("nothing of suite", refused.stderr)

        self.assertIn("../main", self.run_checked("baseline", "list", folder).stdout)
        self.assert_exit(self.run_checked("baseline", "prune", folder, "--keep", 0), 0)
        self.assertEqual(self.run_checked("baseline", "list", folder).stdout, "")
        self.assertEqual(os.listdir(folder), ["index.json"])
        for arguments in [["save", folder], ["sort", folder], ["list", folder, "--command", "true"]]:
            self.assert_exit(self.run_checked("baseline", *arguments), USAGE)

    def test_a_failed_save_leaves_nothing(self):
        folder = self.path("perf")
        names = ["--branch", "main", "--commit", "1"]
        for what in [["--command", "exit 3"], [self.path("missing.pyebpf")]]:
            self.assert_exit(self.run_checked("baseline", "save", folder, *names, *what), CANNOT_MEASURE)
        self.assertFalse(os.path.exists(folder))

    def test_a_calibration_is_used_where_it_fits(self):
        noise, base = self.path("noise.json"), self.program("base")
        self.assert_exit(self.run_checked("calibrate", base, "-o", noise, "--runs", RUNS, "--warm-up", 0), 0)
        runs = self.path("runs")
        self.assert_exit(self.check("--base", base, "--head", base, "--keep", runs, runs=2), *SAME)
        sides = {side: [os.path.join(runs, "%s-%d.pyebpf" % (side, i)) for i in (1, 2)] for side in ("base", "head")}

        def check(*arguments):
            return self.run_checked("check", "--baseline", *sides["base"], "--head-files", *sides["head"], *arguments)

        with open(noise, encoding="utf-8") as stream:
            (entry,) = json.load(stream)["calibrations"]
        self.assertEqual((entry["runs"], entry["degrees_of_freedom"]), (2 * RUNS, 2 * RUNS - 2))
        self.assertIn("bench:price", entry["log_odds_variance"])

        same = check("--calibration", noise)
        self.assert_exit(same, *SAME)
        self.assertNotIn("calibration", same.stdout)
        for suite, cpu, message in [("other", None, "there is none of suite other"), ("default", "Made Up 1", "only on")]:
            if cpu:
                entry["environment"]["cpu_model"] = cpu
                with open(noise, "w", encoding="utf-8") as stream:
                    json.dump({"version": 1, "calibrations": [entry]}, stream)
            self.assertIn(message, check("--calibration", noise, "--suite", suite).stdout)
        self.assert_exit(check("--calibration", self.path("missing.json")), CANNOT_MEASURE)


if __name__ == "__main__":
    unittest.main()
