# SPDX-License-Identifier: Apache-2.0
"""Processes come and go while the recording runs: exec, fork, exit, short lives, a Python that a host program loads late."""
import glob
import json
import os
import platform
import shutil
import subprocess
import tempfile
import unittest

from harness import HANG_SECONDS, Profiler, RootTestCase, environment, interpreters, last_report, one_interpreter, record
from harness import record_each, run_pyebpf

HERE = os.path.dirname(os.path.abspath(__file__))


class ComingAndGoing(RootTestCase):
    def test_processes_that_ended_keep_their_names(self):
        """The machine is recorded; each Python has ended long before the recording does."""
        found = interpreters()
        with Profiler("-a", "-F", 997, "--per-process").wait_recording() as profiler:
            pids = {}
            for interpreter in found:
                process = subprocess.Popen(
                    interpreter.command("recursion.py", 0.4, 5), stdout=subprocess.DEVNULL, env=environment()
                )
                pids[interpreter] = process.pid
                self.assertEqual(process.wait(timeout=HANG_SECONDS), 0)
            profiler.stop()
            recording = profiler.finish()
        self.assert_status(recording, 0)
        self.assert_nothing_lost(recording)
        for interpreter, pid in pids.items():
            with self.subTest(python=interpreter.name):
                stacks = recording.stacks.of_pid(pid).having("leaf")
                self.assert_enough(stacks, 20)
                wrong = stacks.where(lambda stack: stack.names != ["<module>", "main"] + ["descend"] * 5 + ["leaf"])
                self.assertEqual(wrong.count, 0, wrong.describe(4))
                self.assertTrue(recording.process(pid)["python"].startswith("%d.%d" % interpreter.minor))
                self.assertIn("recursion.py", recording.process(pid)["command"])

    def test_short_lives(self):
        """Back to back and in parallel: what runs inside main() has its stack, the first samples of each process included."""
        runs = 10
        for interpreter in interpreters():
            with self.subTest(python=interpreter.name):
                command = interpreter.command("short_lived.py", 0.05)
                script = "import subprocess, sys\nfor _ in range(%d):\n" % (runs // 2)
                script += "    pair = [subprocess.Popen(%r, stdout=subprocess.DEVNULL) for _ in range(2)]\n" % command
                script += "    assert [one.wait() for one in pair] == [0, 0]\n"
                recording = record("-F", 997, "--per-process", command=["/usr/bin/env", "python3", "-c", script])
                self.assert_status(recording, 0)
                self.assert_nothing_lost(recording)
                work = recording.stacks.having("short_work")
                self.assertEqual(len({stack.pid for stack in work}), runs, "processes with named samples")
                wrong = work.where(lambda stack: stack.names[:3] != ["<module>", "main", "short_work"])
                self.assertEqual(wrong.count, 0, wrong.describe(4))
                # 50 ms of CPU time each, at 997 Hz.
                self.assert_share(work.count, int(runs * 0.05 * 997), 1.0, slack=0.1, context=work.describe(4))

    def test_short_lives_with_names_that_are_not_in_memory(self):
        """The sampled thread itself brings them in, where the kernel can have it do so."""
        doctor = run_pyebpf("doctor", "--json")
        offered = [probe["ok"] for probe in json.loads(doctor.stdout)["findings"] if "in the sampled task" in probe["name"]]
        release = tuple(int(part) for part in platform.release().split(".")[:2])
        self.assertEqual(offered, [release >= (6, 18)])
        if not offered[0]:
            self.skipTest("needs Linux 6.18")
        runs = 10
        interpreter = one_interpreter()
        script = "import subprocess\nfor _ in range(%d):\n" % runs
        script += "    subprocess.run(%r, check=True)\n" % interpreter.command("absent_page.py", 0.03)
        recording = record("-F", 997, "--per-process", command=["/usr/bin/env", "python3", "-c", script])
        self.assert_status(recording, 0)
        work = recording.stacks.having("work")
        self.assertEqual(len({stack.pid for stack in work}), runs, "processes with named samples")
        unnamed = work.where(lambda stack: stack.python[-1].file[:1000] != "x" * 1000)
        self.assertEqual(unnamed.count, 0, unnamed.describe(4)[:1000])
        self.assertGreaterEqual(recording.statistic("code_fetched"), runs)

    def test_exec_in_place(self):
        """One pid, two interpreters one after the other: no frame of the first in a stack of the second."""
        for run in record_each(interpreters(), "exec_self.py", 1):
            with self.subTest(python=run.interpreter.name):
                self.assert_nothing_lost(run.recording)
                self.assertEqual(run.report["pid"], run.pid)
                for function, other in (("before_exec", "after_exec"), ("after_exec", "before_exec")):
                    stacks = run.stacks.having(function)
                    self.assert_enough(stacks, 20, function)
                    wrong = stacks.where(lambda stack: stack.names != ["<module>", "main", function])
                    self.assertEqual(wrong.count, 0, wrong.describe(4))
                    self.assertFalse(stacks.having(other).count)

    def test_exec_of_another_version(self):
        old, new = interpreters()[0], interpreters()[-1]
        if old.root or new.root:
            new = one_interpreter()
        script = "import os; exec('sum(range(3000000));' * 4); os.execv(%r, %r)" % (
            new.path,
            new.command("recursion.py", 1, 4),
        )
        recording = record("-F", 997, "--per-process", command=[old.path, "-c", script])
        self.assert_status(recording, 0)
        stacks = recording.stacks.having("leaf")
        self.assert_enough(stacks, 50)
        wrong = stacks.where(lambda stack: stack.names != ["<module>", "main"] + ["descend"] * 4 + ["leaf"])
        self.assertEqual(wrong.count, 0, wrong.describe(4))

    def test_fork_without_exec(self):
        for run in record_each(interpreters(), "fork_children.py", 2, 2, batch=8):
            with self.subTest(python=run.interpreter.name):
                self.assert_nothing_lost(run.recording)
                self.assert_enough(run.stacks.having("parent_work"), 20)
                for pid in run.report["children"]:
                    stacks = run.recording.stacks.of_pid(pid)
                    work = stacks.having("child_work")
                    self.assert_enough(work, 20)
                    wrong = work.where(lambda stack: stack.names != ["<module>", "main", "child_work"])
                    self.assertEqual(wrong.count, 0, wrong.describe(4))

    def test_process_pools(self):
        for method, minimum in (("fork", (2, 7)), ("spawn", (3, 6)), ("forkserver", (3, 6))):
            for run in record_each(interpreters(minimum), "process_pool.py", 2, 2, method, batch=8):
                with self.subTest(method=method, python=run.interpreter.name):
                    self.assert_nothing_lost(run.recording)
                    for pid in run.report["pids"]:
                        task = run.recording.stacks.of_pid(pid).having("pool_task")
                        self.assert_enough(task, 10)
                        for stack in task:
                            self.assertTrue(stack.has("<module>", "worker", "pool_task"), str(stack))


class LateLibrary(RootTestCase):
    """A C program that runs for a while, then loads libpython and works in it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pyebpf-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.host = os.path.join(self.folder, "dlopen_host")
        subprocess.run(["cc", "-O1", "-o", self.host, os.path.join(HERE, "dlopen_host.c"), "-ldl"], check=True)

    def libraries(self):
        """Shared libpythons beside the interpreters: (interpreter, library, home)."""
        for interpreter in interpreters():
            if interpreter.root:
                continue
            home = os.path.dirname(os.path.dirname(os.path.realpath(interpreter.path)))
            found = glob.glob(os.path.join(home, "lib", "libpython%d.%d*.so.1.0" % interpreter.minor))
            if found:
                yield interpreter, found[0], home

    def test_library_loaded_after_start(self):
        libraries = list(self.libraries())
        if not libraries:
            self.skipTest("no interpreter here has a shared libpython")
        for interpreter, library, home in libraries:
            with self.subTest(python=interpreter.name):
                with Profiler("-a", "-F", 997, "--per-process").wait_recording() as profiler:
                    process = subprocess.run(
                        [self.host, library, "1.0"],
                        env=environment(PYTHONHOME=home),
                        stdout=subprocess.PIPE,
                        text=True,
                        timeout=HANG_SECONDS,
                    )
                    self.assertEqual(process.returncode, 0)
                    profiler.stop()
                    recording = profiler.finish()
                self.assert_status(recording, 0)
                pid = last_report(process.stdout)["pid"]
                stacks = recording.stacks.of_pid(pid)
                before = stacks.where(lambda stack: stack.has_any("before_python"))
                self.assert_enough(before, 20)
                self.assertEqual(before.where(lambda stack: bool(stack.names)).count, 0)
                hosted = stacks.having("hosted")
                self.assert_enough(hosted, 50, stacks.describe(5))
                wrong = hosted.where(lambda stack: stack.names[:2] != ["<module>", "hosted"])
                self.assertEqual(wrong.count, 0, wrong.describe(4))


if __name__ == "__main__":
    unittest.main()
