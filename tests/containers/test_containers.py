# SPDX-License-Identifier: Apache-2.0
"""Containers of several engines side by side: whose samples are whose, by every way to name one."""
import contextlib
import glob
import json
import os
import subprocess
import unittest

from engines import Engines, cgroup_root, remove_cgroup
from harness import HANG_SECONDS, Profiler, RootTestCase, record, run_pyebpf

ENOUGH = 20
FREQUENCY = 499
FOREVER = 3600


class ContainerTestCase(RootTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.engines = Engines()
        cls.addClassCleanup(cls.engines.close)

    def start_all(self, stack):
        """One container of each engine, each with another Python and another depth of recursion: {name: depth}."""
        make = self.engines
        containers = {
            make.run_podman("py39", "bullseye", (3, 9), "recursion.py", FOREVER, 3): 3,
            make.run_podman("py313", "trixie", (3, 13), "recursion.py", FOREVER, 4, runtime="crun"): 4,
            make.run_nspawn("py314", "sid", (3, 14), "recursion.py", FOREVER, 5): 5,
            make.run_plain("pyebpf-plain", "sid", (3, 15), "recursion.py", FOREVER, 6): 6,
        }
        for container in containers:
            stack.enter_context(container)
        return {container.wait_ready().name: depth for container, depth in containers.items()}

    def pids_of(self, recording, name):
        return {entry["pid"] for entry in recording.document["processes"] if entry["container"] == name}

    def assert_only(self, recording, name, depth):
        """Every sample is of the container, and most are in its leaf()."""
        self.assertEqual({entry["container"] for entry in recording.document["processes"]}, {name})
        self.assertLessEqual({one.pid for one in recording.stacks}, self.pids_of(recording, name))
        self.assert_enough(recording.stacks.having("leaf"), ENOUGH)
        self.assert_depth(recording.stacks.having("leaf"), depth)

    def assert_depth(self, stacks, depth):
        expected = ["<module>", "main"] + ["descend"] * depth + ["leaf"]
        wrong = stacks.where(lambda one: one.names != expected)
        self.assertEqual(wrong.count, 0, wrong.describe(4))


class SideBySide(ContainerTestCase):
    def test_every_container_by_every_engine(self):
        with contextlib.ExitStack() as stack:
            depths = self.start_all(stack)
            recording = record("-a", "-d", 4, "-F", FREQUENCY, "--per-process")
            self.assert_status(recording, 0)
            for name, depth in depths.items():
                with self.subTest(everything=name):
                    stacks = recording.stacks.where(lambda one: one.pid in self.pids_of(recording, name))
                    self.assert_enough(stacks.having("leaf"), ENOUGH)
                    self.assert_depth(stacks.having("leaf"), depth)
            for name, depth in depths.items():
                with self.subTest(only=name):
                    option = "--cgroup" if name.startswith("/") else "--container"
                    recording = record(option, name, "-d", 2, "-F", FREQUENCY, "--per-process")
                    self.assert_status(recording, 0)
                    self.assert_only(recording, name, depth)
            with self.subTest("by absolute path"):
                recording = record("--cgroup", cgroup_root() + "/pyebpf-plain", "-d", 2, "-F", FREQUENCY, "--per-process")
                self.assert_only(recording, "/pyebpf-plain", 6)
            with self.subTest("two at once"):
                recording = record("--container", "py39", "--container", "py313", "-d", 2, "-F", FREQUENCY, "--per-process")
                self.assertEqual({entry["container"] for entry in recording.document["processes"]}, {"py39", "py313"})
            self.check_ids_and_pids()
            self.check_ps(depths)
            self.check_bad_input()

    def check_ids_and_pids(self):
        with open(os.path.join(self.engines.folder, "id-py39"), encoding="utf-8") as stream:
            identity = stream.read().strip()
        with self.subTest("by the beginning of its id"):
            recording = record("--container", identity[:12], "-d", 2, "-F", FREQUENCY, "--per-process")
            self.assert_status(recording, 0)
            self.assert_only(recording, "py39", 3)
        with self.subTest("by its own process id"):
            recording = record("--container", "py39", "-p", 1, "-d", 2, "-F", FREQUENCY, "--per-process")
            self.assert_status(recording, 0)
            self.assert_only(recording, "py39", 3)
        with self.subTest("by a process id that it does not have"):
            completed = run_pyebpf("record", "--container", "py39", "-p", 77, "-d", 1, "-o", "/dev/null", "--format", "collapsed")
            self.assertEqual(completed.returncode, 1, completed.stderr)
            self.assertIn("no process 77", completed.stderr)

    def check_ps(self, depths):
        completed = run_pyebpf("ps", "--json", "--interval", 0.2)
        self.assertEqual(completed.returncode, 0, completed.stderr)
        processes = json.loads(completed.stdout)["processes"]
        for name in depths:
            with self.subTest(ps=name):
                called = "cgroup" if name.startswith("/") else "name"
                found = [one for one in processes if one["container"].get(called) == name]
                self.assertEqual(len(found), 1, processes)
                self.assertTrue(found[0]["supported"])
                self.assertGreaterEqual(found[0]["threads"], 1)
                self.assertIn(found[0]["namespace_pid"], (1, 2))
        table = run_pyebpf("ps", "--interval", 0.2).stdout.splitlines()
        for name in depths:
            self.assertEqual(len([line for line in table if name in line.split()]), 1, table)

    def check_bad_input(self):
        for arguments, status, words in (
            (["--container", "py3x"], 1, ["py3x", "close:", "py39"]),
            (["--container", ""], 1, ["no container"]),
            (["--cgroup", "/no/such/cgroup"], 2, ["/no/such/cgroup", "not a cgroup"]),
            (["--cgroup", "/etc"], 2, ["/etc", "not a cgroup"]),
            (["--cgroup", "pyebpf-plain/../.."], 2, ["not a cgroup"]),
            (["--pod", "shop"], 1, ["no pod 'shop'"]),
            (["--service", "no-such-unit"], 1, ["no-such-unit.service"]),
            (["-a", "--container", "py39"], 2, ["more than one kind"]),
        ):
            with self.subTest(bad=arguments):
                completed = run_pyebpf("record", *arguments, "-d", 1, "-o", "/dev/null", "--format", "collapsed")
                self.assertEqual(completed.returncode, status, completed.stderr)
                for word in words:
                    self.assertIn(word, completed.stderr)


class Names(ContainerTestCase):
    """Cgroups that look like those of runtimes which are not there: what is known is in their paths."""

    FIRST, SECOND = "a" * 63 + "1", "a" * 63 + "2"
    POD = "0a1b2c3d-1111-2222-3333-444455556666"

    def test_ids_pods_and_hostile_names(self):
        paths = [
            "pyebpf-names/docker/" + self.FIRST,
            "pyebpf-names/docker/" + self.SECOND,
            "pyebpf-names/kubepods/pod%s/%s" % (self.POD, "b" * 64),
            "pyebpf-names/\x1b[31m;evil<script>",
            "pyebpf-names/web.service",
        ]
        self.addCleanup(remove_cgroup, os.path.join(cgroup_root(), "pyebpf-names"))
        with contextlib.ExitStack() as stack:
            for depth, path in enumerate(paths, 3):
                stack.enter_context(self.engines.run_plain(path, "trixie", (3, 13), "recursion.py", FOREVER, depth)).wait_ready()
            with self.subTest("an id that could be several"):
                completed = run_pyebpf("record", "--container", "aaaa", "-d", 1, "-o", "/dev/null", "--format", "collapsed")
                self.assertEqual(completed.returncode, 2, completed.stderr)
                self.assertIn("the beginning of 2 container ids", completed.stderr)
            for option, value, depth in (
                ("--container", self.SECOND, 4),
                ("--pod", self.POD, 5),
                ("--cgroup", paths[3], 6),
                ("--service", "web", 7),
            ):
                with self.subTest(option=option):
                    recording = record(option, value, "-d", 2, "-F", FREQUENCY, "--per-process")
                    self.assert_status(recording, 0)
                    self.assertEqual(len({one.pid for one in recording.stacks.having("leaf")}), 1)
                    self.assert_depth(recording.stacks.having("leaf"), depth)
                    self.assertNotIn("\x1b", recording.stderr)
            with self.subTest("all of them by the cgroup above"):
                recording = record("--cgroup", "pyebpf-names", "-d", 3, "-F", FREQUENCY, "--per-process")
                depths = {one.names.count("descend") for one in recording.stacks.having("leaf")}
                self.assertEqual(depths, {3, 4, 5, 6, 7})
            with self.subTest("ps escapes names"):
                self.assertNotIn("\x1b", run_pyebpf("ps", "--interval", 0.1).stdout)


class Changes(ContainerTestCase):
    def test_one_that_exits_keeps_its_name(self):
        with Profiler("-a", "-F", FREQUENCY, "--per-process") as profiler:
            profiler.wait_recording()
            with self.engines.run_podman("brief", "trixie", (3, 13), "recursion.py", 1.5, 3) as container:
                container.wait_end()
            profiler.stop()
            recording = profiler.finish()
        self.assert_status(recording, 0)
        stacks = recording.stacks.where(lambda one: one.pid in self.pids_of(recording, "brief"))
        self.assert_enough(stacks.having("leaf"), ENOUGH)
        self.assert_depth(stacks.having("leaf"), 3)

    def test_one_that_is_started_again_is_followed_under_its_name(self):
        """The second container has another id, and was not there when the recording began."""
        with self.engines.run_podman("again", "trixie", (3, 13), "recursion.py", FOREVER, 3) as first:
            first.wait_ready()
            with Profiler("--container", "again", "-F", FREQUENCY, "--per-process") as profiler:
                profiler.wait_recording()
                first.__exit__()
                with self.engines.run_podman("again", "trixie", (3, 13), "recursion.py", 1.5, 5) as second:
                    second.wait_end()
                profiler.stop()
                recording = profiler.finish()
        self.assert_status(recording, 0)
        self.assertEqual({entry["container"] for entry in recording.document["processes"]}, {"again"})
        deep = recording.stacks.where(lambda one: one.names.count("descend") == 5)
        self.assert_enough(deep, ENOUGH)

    def test_a_throttled_one_is_whole(self):
        """With a limit of a tenth of a CPU: fewer samples, none of them broken."""
        options = ["--cpu-period", "100000", "--cpu-quota", "10000"]
        with self.engines.run_podman("slow", "trixie", (3, 13), "recursion.py", FOREVER, 3, options=options) as container:
            container.wait_ready()
            recording = record("--container", "slow", "-d", 4, "-F", FREQUENCY, "--per-process")
        self.assert_status(recording, 0)
        self.assert_nothing_lost(recording)
        self.assert_only(recording, "slow", 3)

    def test_a_hundred_in_a_row_leave_nothing_behind(self):
        """Fifty warm it up; the other fifty may cost neither descriptors nor entries of the map of cgroups, and little memory."""

        def run_once():
            with self.engines.run_plain("pyebpf-row.service", "bullseye", (3, 9), "recursion.py", 0.02, 3) as one:
                one.wait_end()

        with self.engines.run_plain("pyebpf-row.service", "bullseye", (3, 9), "recursion.py", FOREVER, 3) as first:
            first.wait_ready()
            profiler = Profiler("--service", "pyebpf-row", "-F", 997, "--per-process").wait_recording()
        with profiler:
            usage = []
            for _ in range(2):
                for _ in range(50):
                    run_once()
                usage.append(Usage(profiler.pid))
            profiler.stop()
            recording = profiler.finish()
        self.assert_status(recording, 0)
        self.assertEqual({entry["container"] for entry in recording.document["processes"]}, {"pyebpf-row.service"})
        self.assertGreater(len(recording.document["processes"]), 50, "later ones were not followed")
        self.assertLessEqual(usage[1].descriptors, usage[0].descriptors, "%s, then %s" % tuple(usage))
        self.assertLessEqual(usage[1].watched, 2, "%s, then %s" % tuple(usage))
        # Less than 1 MiB a container, all processes that others start on the machine meanwhile included.
        self.assertLessEqual(usage[1].resident_kib, usage[0].resident_kib + 50 * 1024, "%s, then %s" % tuple(usage))


class Usage:
    def __init__(self, pid):
        # Not the files of other programs of the machine: those are opened as they appear.
        targets = [os.readlink(path) for path in glob.glob("/proc/%d/fd/*" % pid)]
        self.descriptors = len([one for one in targets if "/rootfs/bullseye/" in one or not one.startswith("/")])
        with open("/proc/%d/status" % pid, encoding="utf-8") as stream:
            self.resident_kib = next(int(line.split()[1]) for line in stream if line.startswith("VmRSS:"))
        self.watched = len(entries_of_map(pid, "watched_cgroups"))

    def __str__(self):
        return "%d descriptors, %d KiB, %d watched cgroups" % (self.descriptors, self.resident_kib, self.watched)


def entries_of_map(pid, name):
    """Of the BPF map that the process holds."""
    for path in glob.glob("/proc/%d/fdinfo/*" % pid):
        with open(path, encoding="utf-8") as stream:
            ids = [line.split()[1] for line in stream if line.startswith("map_id:")]
        for identity in ids:
            if bpftool("map", "show", "id", identity)["name"] == name:
                return bpftool("map", "dump", "id", identity)
    raise AssertionError("process %d has no BPF map %s" % (pid, name))


def bpftool(*arguments):
    command = ["bpftool", "-j"] + list(arguments)
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=HANG_SECONDS, check=True).stdout)


if __name__ == "__main__":
    unittest.main()
