#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every output format, read by the programs that it is for. What they show is compared with what the profile adds up to.

usage: test_consumers.py --work FOLDER --write-output PROGRAM [TestClass[.test]]...

  Synthetic   files of known contents that PROGRAM (tests/golden/write_output) makes
  Recorded    a recording of tests/programs/all_names.py; needs root

Packages of npm are installed into FOLDER. Exit status: 0 passed, 1 failed, 77 nothing could run.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "runtime")]

from expected import Expected  # noqa: E402
from harness import IN_CI, RootTestCase, interpreters, one_interpreter, run_pyebpf  # noqa: E402
from viewers import Packages, Pprof, ProfilerCli, annotate, read_pstats, speedscope_tables  # noqa: E402

NOTHING_RAN = 77
NS_PER_MS = 1e6
EXTENSIONS = {
    "pprof": ".pb.gz",
    "firefox": ".firefox.json.gz",
    "speedscope": ".speedscope.json",
    "pstats": ".pstats",
    "callgrind": ".callgrind",
    "chrome-trace": ".trace.json",
    "perf-script": ".perf",
    "collapsed": ".folded",
    "json": ".json",
    "jsonl": ".jsonl",
}
arguments = None  # of the command line


def reading_pythons():
    """Interpreters that read pstats here: those that the issue of old and new is about, as far as they are there."""
    chosen = {}
    for interpreter in interpreters(minimum=(3, 6)):
        if interpreter.minor in [(3, 11), (3, 14)]:
            chosen.setdefault(interpreter.minor, interpreter)
    if IN_CI and len(chosen) < 2:
        raise AssertionError("CI needs Pythons 3.11 and 3.14, found: %s" % sorted(chosen))
    return list(chosen.values())


class ConsumerTestCase(unittest.TestCase):
    def assert_near(self, shown, expected, step, what):
        """`step`: what the viewer rounds to."""
        self.assertLessEqual(abs(shown - expected), step, "%s: shows %s, is %s" % (what, shown, expected))

    def assert_rows(self, rows, expected, step, scale=1.0):
        """`rows` of a viewer, {name: Row}, has every function of `expected`, {name: (self, total)}."""
        for name, (own, total) in expected.items():
            self.assertIn(name, rows)
            self.assert_near(rows[name].self, own / scale, step, name + " self")
            self.assert_near(rows[name].total, total / scale, step, name + " total")


class Synthetic(ConsumerTestCase):
    @classmethod
    def setUpClass(cls):
        cls.packages = Packages(arguments.work)
        cls.folder = tempfile.mkdtemp(prefix="pyebpf-consumers-")
        cls.known = {name: Expected(cls.file(name, "jsonl")) for name in ("small", "mixed", "hostile")}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def file(cls, profile, name):
        path = os.path.join(cls.folder, profile + EXTENSIONS[name])
        if not os.path.exists(path):
            subprocess.run([arguments.write_output, "%s.%s" % (profile, name), path], check=True)
        return path

    def test_json_summary_has_the_sums_of_the_samples(self):
        for profile, known in self.known.items():
            with open(self.file(profile, "json"), encoding="utf-8") as stream:
                document = json.load(stream)
            self.assertEqual({one["name"]: one["weight"] for one in document["sources"]}, known.by_source)

    def test_pprof(self):
        types = {"nanoseconds": "cpu", "cycles": "cycles"}
        for profile, known in self.known.items():
            pprof = Pprof(self.file(profile, "pprof"))
            for source, weight in known.by_source.items():
                index = {"cpu-clock": "cpu", "off-cpu": "off_cpu"}.get(source, source)
                with self.subTest(profile=profile, source=source):
                    rows, total = pprof.top("-sample_index=" + index)
                    self.assertEqual(total, weight)
            if len(known.by_source) == 1:
                rows, _ = pprof.top("-sample_index=" + types["nanoseconds"])
                self.assert_rows(rows, known.unambiguous("nanoseconds"), step=0)

    def test_pprof_tags(self):
        pprof = Pprof(self.file("mixed", "pprof"))
        tags = pprof.tags("-sample_index=off_cpu")
        self.assertEqual(tags["state"], {"disk": 5000001, "gil": 2500000})
        tags = pprof.tags("-sample_index=cpu")
        self.assertIn("web", tags["container"])
        self.assertEqual(set(tags["tid"]), {"70", "71"})
        rows, total = pprof.top("-sample_index=cpu", "-tagroot=container,thread")
        self.assertEqual(rows["web"].total, tags["container"]["web"])
        self.assertIn("Thread-1 (work)", rows)

    def test_pprof_inlined_functions(self):
        text = Pprof(self.file("mixed", "pprof")).call("-top", "-sample_index=samples")
        self.assertRegex(text, r"middle<int> \(inline\)")
        self.assertRegex(text, r"\binner \(inline\)")

    def test_firefox_profiler(self):
        for profile, known in self.known.items():
            with self.subTest(profile=profile), ProfilerCli(self.packages, self.file(profile, "firefox")) as viewer:
                self.check_threads(viewer, known, {"nanoseconds": NS_PER_MS, "cycles": 1})

    def check_threads(self, viewer, known, scales):
        """Every thread's functions add up to its weight; together they are those that are expected."""
        sums = {}
        for _, thread in viewer.threads():
            unit = "cycles" if thread["name"].endswith("[cycles]") else "nanoseconds"
            rows = viewer.functions(thread)
            total = sum(row.self for row in rows.values())
            sums.setdefault(unit, {}).setdefault(thread["tid"], []).append(total)
            for name, row in rows.items():
                self.assertLessEqual(row.self, row.total * (1 + 1e-9) + 1e-9, name)
        for (unit, tid), weight in known.by_thread.items():
            shown = sum(sums[unit][tid])
            self.assert_near(shown, sum(w for (u, t), w in known.by_thread.items() if (u, t) == (unit, tid)) / scales[unit],
                             1e-3 if unit == "nanoseconds" else 0.5, "thread %s" % tid)

    def test_firefox_profiler_functions(self):
        known = self.known["small"]
        with ProfilerCli(self.packages, self.file("small", "firefox")) as viewer:
            self.assert_rows(self.all_functions(viewer), known.unambiguous("nanoseconds"), 1e-3, NS_PER_MS)
            self.assertEqual({name for name, _ in viewer.threads()}, {"gunicorn", "train.py", "bash"})

    def all_functions(self, viewer):
        """Those of all threads together."""
        sums = {}
        for _, thread in viewer.threads():
            for name, row in viewer.functions(thread).items():
                old = sums.get(name, row._replace(self=0, total=0))
                sums[name] = row._replace(self=old.self + row.self, total=old.total + row.total)
        return sums

    def test_firefox_profiler_shows_waits(self):
        with ProfilerCli(self.packages, self.file("mixed", "firefox")) as viewer:
            text = ""
            for _, thread in viewer.threads():
                text += viewer.call("thread", "markers", "--thread", thread["threadHandle"], check=False)
        self.assertRegex(text, r"Waits +1 markers .*5\.000ms")
        self.assertRegex(text, r"Waits +1 markers .*2\.500ms")

    def test_chrome_trace_in_firefox_profiler(self):
        """It shows slices as markers, with the sum of those of one name."""
        known = self.known["small"].unambiguous("nanoseconds")
        with ProfilerCli(self.packages, self.file("small", "chrome-trace")) as viewer:
            self.assertEqual(len(viewer.threads()), len(self.known["small"].by_thread))
            text = viewer.call("thread", "markers", "--thread", "t-0")
        for name in ("Arbiter.run", "checkout.<locals>.wrapper"):
            shown = re.search(re.escape(name) + r" \([^()]*\) +1 markers .*max=([\d.]+)s\)", text)
            self.assertTrue(shown, name)
            self.assert_near(float(shown[1]), known[name][1] / 1e9, 0.001, name)

    def test_perf_script_in_firefox_profiler(self):
        known = self.known["small"]
        with ProfilerCli(self.packages, self.file("small", "perf-script")) as viewer:
            rows = self.all_functions(viewer)
            samples = len(known.rows["sample"])
            self.assertEqual(sum(row.self for row in rows.values()), samples)
            tids = {thread["tid"] for _, thread in viewer.threads()}
            self.assertEqual(len(tids), len({tid for _, tid in known.by_thread}))

    def test_collapsed_in_firefox_profiler(self):
        known = self.known["small"]
        with ProfilerCli(self.packages, self.file("small", "collapsed")) as viewer:
            self.assertEqual(sum(row.self for row in self.all_functions(viewer).values()), len(known.rows["sample"]))

    def test_speedscope_file_follows_its_schema(self):
        for profile in self.known:
            self.packages.run_script("schema.mjs", self.file(profile, "speedscope"))

    def test_speedscope(self):
        """Its own format, and those of others that it reads."""
        names = ["speedscope", "chrome-trace", "callgrind", "collapsed", "perf-script", "pprof"]
        files = {name: self.file("small", name) for name in names}
        files["mixed"] = self.file("mixed", "speedscope")
        files["hostile"] = self.file("hostile", "speedscope")
        tables = speedscope_tables(self.packages, list(files.values()))
        for name, path in files.items():
            with self.subTest(file=name):
                profiles = tables[path]
                self.assertTrue(all(profiles), "an empty table")
        known = self.known["small"].unambiguous("nanoseconds")
        total = self.known["small"].weights["nanoseconds"]
        for name in ("speedscope", "callgrind"):
            with self.subTest(file=name):
                sums = {}
                for rows in tables[files[name]]:
                    for row in rows:
                        for kind in ("self", "total"):
                            key = row["name"].split(" ")[0] if name == "x" else row["name"], kind
                            sums[key] = sums.get(key, 0) + nanoseconds(row[kind])
                for function, (own, whole) in known.items():
                    # It shows two decimals of the unit that it finds best.
                    self.assert_near(sums[function, "self"], own, 0.01 * total, function + " self")
                    self.assert_near(sums[function, "total"], whole, 0.01 * total, function + " total")

    def test_pstats(self):
        path = {profile: self.file(profile, "pstats") for profile in self.known}
        for command in pstats_commands(self.folder):
            for profile, known in self.known.items():
                with self.subTest(command=command, profile=profile):
                    total, rows = read_pstats(*command(path[profile]))
                    self.assertAlmostEqual(total, known.weights["nanoseconds"] / 1e9, 6)
                    by_name = {name: row for (_, _, name), (row, _) in rows.items()}
                    for name, (own, whole) in known.unambiguous("nanoseconds").items():
                        self.assertAlmostEqual(by_name[name][2], own / 1e9, 6, name)
                        self.assertAlmostEqual(by_name[name][3], whole / 1e9, 6, name)

    def test_callgrind_annotate(self):
        for profile, known in self.known.items():
            with self.subTest(profile=profile):
                path = self.file(profile, "callgrind")
                own, total = annotate(path)
                self.assertEqual(total, known.weights["nanoseconds"])
                whole, _ = annotate(path, "--inclusive=yes")
                if profile == "hostile":
                    continue  # the tool cuts such names; the sum is what counts
                for name, (self_weight, total_weight) in known.unambiguous("nanoseconds").items():
                    self.assertEqual(own.get(name, 0), self_weight, name)
                    self.assertEqual(whole[name], total_weight, name)


def nanoseconds(text):
    """"1.25s (12%)" of speedscope."""
    match = re.match(r"([\d.]+)(ns|µs|ms|s|)", text)
    if not match:
        raise AssertionError("no time: %r" % text)
    minutes = re.match(r"(\d+):(\d+(?:\.\d+)?)", text)
    if minutes:
        return (int(minutes[1]) * 60 + float(minutes[2])) * 1e9
    return float(match[1]) * {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9, "": 1}[match[2]]


def pstats_commands(folder):
    """Functions of a path that give the command of a Python and the path as that Python sees it."""

    def command_of(interpreter):
        def command(path):
            if not interpreter.root:
                return [interpreter.path], path
            inside = "/tmp/" + os.path.basename(folder) + "-" + os.path.basename(path)
            shutil.copy(path, interpreter.root + inside)
            return ["chroot", interpreter.root, interpreter.path], inside

        return command

    return [command_of(interpreter) for interpreter in reading_pythons()]


class Recorded(RootTestCase, ConsumerTestCase):
    """One program, recorded once; the recording in every format."""

    PROGRAM = "all_names.py"
    FUNCTIONS = ["<module>", "<lambda>", "Outer.method.<locals>.inner", "recursive", "spin", "in_thread"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.packages = Packages(arguments.work)
        cls.folder = tempfile.mkdtemp(prefix="pyebpf-consumers-")
        recording = os.path.join(cls.folder, "recording.pyebpf")
        command = one_interpreter((3, 11)).command(cls.PROGRAM, 3)
        cls.run_pyebpf("record", "-q", "-F", 499, "-o", recording, "--", *command)
        for name in EXTENSIONS:
            cls.run_pyebpf("convert", recording, "-o", cls.path(name))
        with open(cls.path("json"), encoding="utf-8") as stream:
            cls.summary = json.load(stream)
        cls.known = Expected(cls.path("jsonl"))

    @staticmethod
    def run_pyebpf(*options):
        done = run_pyebpf(*options)
        if done.returncode != 0:
            raise AssertionError("pyebpf %s ended with %d:\n%s" % (options[0], done.returncode, done.stderr))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, "recording" + EXTENSIONS[name])

    @property
    def weight(self):
        """Of all samples, nanoseconds."""
        weight = self.summary["sources"][0]["weight"]
        self.assertGreater(weight, 1e9)
        return weight

    @property
    def expected(self):
        """{function: (self, total)} of the program's own functions, nanoseconds. Other files have a <module> too."""
        rows = {}
        for function in {function for _, function in self.known.total}:
            if os.path.basename(function.file) == self.PROGRAM and function.name in self.FUNCTIONS:
                rows[function.name] = (self.known.self["nanoseconds", function], self.known.total["nanoseconds", function])
        self.assertEqual(set(rows), set(self.FUNCTIONS))
        return rows

    @property
    def expected_of_unique_names(self):
        return {name: row for name, row in self.expected.items() if name != "<module>"}

    def test_json_lines_agree_with_the_summary(self):
        self.assertEqual(self.known.weights, {"nanoseconds": self.weight})
        period = self.summary["sources"][0]["period"]
        shown = {}
        for row in self.summary["top_by_self"] + self.summary["top_by_total"]:
            if os.path.basename(row["file"]) == self.PROGRAM:
                shown[row["function"]] = (row["self"] * period, row["total"] * period)
        for name, (own, total) in self.expected.items():
            self.assert_near(shown[name][0], own, 1, name)
            self.assert_near(shown[name][1], total, 1, name)

    def test_pprof(self):
        rows, total = Pprof(self.path("pprof")).top("-sample_index=cpu")
        self.assert_near(total, self.weight, 1, "total")
        self.assert_rows(rows, self.expected_of_unique_names, step=1)
        self.assertIn("<module>", rows)
        tags = Pprof(self.path("pprof")).tags("-sample_index=cpu")
        self.assert_near(sum(tags["tid"].values()), self.weight, 1, "tids")

    def test_firefox_profiler(self):
        with ProfilerCli(self.packages, self.path("firefox")) as viewer:
            threads = viewer.threads()
            tables = {thread["tid"]: viewer.functions(thread) for _, thread in threads}
        self.assertGreaterEqual(len(tables), 2)
        for tid, rows in tables.items():
            total = sum(row.self for row in rows.values())
            self.assert_near(total, self.known.by_thread["nanoseconds", tid] / NS_PER_MS, 0.01, "thread %s" % tid)
        for name, (own, total) in self.expected_of_unique_names.items():
            self.assert_near(sum(rows[name].self for rows in tables.values() if name in rows), own / NS_PER_MS, 0.01, name)
            self.assert_near(sum(rows[name].total for rows in tables.values() if name in rows), total / NS_PER_MS, 0.01, name)
        self.assertTrue(any("<module>" in rows for rows in tables.values()))

    def test_speedscope(self):
        names = ["speedscope", "chrome-trace", "perf-script"]
        tables = speedscope_tables(self.packages, [self.path(name) for name in names])
        for name in names:
            with self.subTest(file=name):
                shown = {re.sub(r" \(.*:\d+\)$", "", row["name"]) for rows in tables[self.path(name)] for row in rows}
                self.assertLessEqual(set(self.FUNCTIONS), shown)

    def test_pstats(self):
        for command in pstats_commands(self.folder):
            total, rows = read_pstats(*command(self.path("pstats")))
            self.assertAlmostEqual(total, self.weight / 1e9, 6)
            for name, (own, whole) in self.expected.items():
                [row] = [
                    row
                    for (file, _, function), (row, _) in rows.items()
                    if function == name and os.path.basename(file) == self.PROGRAM
                ]
                self.assertAlmostEqual(row[2], own / 1e9, 6, name)
                self.assertAlmostEqual(row[3], whole / 1e9, 6, name)

    def test_callgrind_annotate(self):
        own, total = annotate(self.path("callgrind"))
        self.assertEqual(total, self.weight)
        whole, _ = annotate(self.path("callgrind"), "--inclusive=yes")
        for name, (self_weight, total_weight) in self.expected_of_unique_names.items():
            self.assertEqual(own.get(name, 0), self_weight, name)
            self.assertEqual(whole[name], total_weight, name)

    def test_perf_script(self):
        weight = 0
        with open(self.path("perf-script"), encoding="utf-8") as lines:
            for line in lines:
                head = re.match(r"^\S.*? +\d+/\d+ \[\d+\] \d+\.\d{6}: +(\d+) cpu-clock:$", line)
                weight += int(head[1]) if head else 0
        self.assertEqual(weight, self.weight)


def main():
    global arguments
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", required=True, help="folder for npm's packages")
    parser.add_argument("--write-output", required=True, help="the built write_output")
    parser.add_argument("tests", nargs="*")
    arguments = parser.parse_args()
    result = unittest.main(argv=sys.argv[:1] + arguments.tests, exit=False, verbosity=2).result
    if not result.wasSuccessful() or (result.skipped and IN_CI):
        return 1
    return NOTHING_RAN if result.testsRun in (0, len(result.skipped)) else 0


if __name__ == "__main__":
    sys.exit(main())
