# SPDX-License-Identifier: Apache-2.0
"""Programs that bring CPython with them, debug builds, interpreters that are not what they say, and ways to run Python that are not
"one interpreter, one thread state a thread"."""
import os
import shutil
import subprocess
import tempfile
import unittest

from harness import IN_CI, PROGRAMS, RootTestCase, interpreters, record, record_each, start

DEPTH = 20
EXPECTED = ["<module>", "main"] + ["descend"] * DEPTH + ["leaf"]


def wanted(found, text):
    """What CI must have (tools/packages); elsewhere a test is skipped without it."""
    if not found:
        if IN_CI:
            raise AssertionError("missing: " + text)
        raise unittest.SkipTest("no " + text)
    return found


def able_to_import(module, minimum=(2, 7)):
    able = []
    for interpreter in interpreters(minimum):
        command = interpreter.command("common.py")
        at = command.index(interpreter.path) + 1
        if subprocess.run(command[:at] + ["-c", "import " + module], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            able.append(interpreter)
    return able


class Hosts(RootTestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pyebpf-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def check(self, recording):
        self.assert_status(recording, 0)
        self.assert_nothing_lost(recording)
        stacks = recording.stacks.having("leaf")
        self.assert_enough(stacks, 50, recording.stacks.describe(4) + recording.stderr)
        wrong = stacks.where(lambda stack: stack.names[-len(EXPECTED) :] != EXPECTED)
        self.assertEqual(wrong.count, 0, wrong.describe(4))

    def test_gdb(self):
        gdb = wanted(shutil.which("gdb"), "gdb with Python")
        command = ["env", "PYTHONPATH=" + PROGRAMS, gdb, "-nx", "-batch", "-x", os.path.join(PROGRAMS, "recursion.py")]
        self.check(record("-F", 997, command=command))

    def test_uwsgi(self):
        """Its plugin is loaded with dlopen(), and libpython with it."""
        uwsgi = wanted(shutil.which("uwsgi"), "uwsgi with the plugin python3")
        script = os.path.join(PROGRAMS, "recursion.py")
        self.check(record("-F", 997, command=[uwsgi, "--plugin", "python3", "--pyrun", script]))

    def test_debug_build(self):
        python = wanted(shutil.which("python3-dbg") or shutil.which("python3.11-dbg"), "python3-dbg")
        self.check(record("-F", 997, command=[python, os.path.join(PROGRAMS, "recursion.py")]))


class Ways(RootTestCase):
    def test_threads_that_c_code_created(self):
        for run in record_each(able_to_import("ctypes"), "c_threads.py", 2, batch=3):
            with self.subTest(python=run.interpreter.name):
                self.assert_nothing_lost(run.recording)
                for function in ("holds_the_gil", "releases_the_gil"):
                    stacks = run.stacks.having(function)
                    self.assert_enough(stacks, 50, run.stacks.describe(4))
                    wrong = stacks.where(lambda stack: stack.names[:2] != ["in_c_thread", function])
                    self.assertEqual(wrong.count, 0, wrong.describe(4))

    def test_subinterpreters(self):
        for run in record_each(interpreters((3, 8)), "subinterpreters.py", 2, batch=3):
            with self.subTest(python=run.interpreter.name):
                self.assert_nothing_lost(run.recording)
                for name in ("first", "second"):
                    stacks = run.stacks.having("inner_" + name)
                    self.assert_enough(stacks, 50, run.stacks.describe(4))
                    wrong = stacks.where(
                        lambda stack: stack.names[-3:] != ["<module>", "outer_" + name, "inner_" + name]
                    )
                    self.assertEqual(wrong.count, 0, wrong.describe(4))

    def test_names_whose_page_is_not_in_memory(self):
        """The tick itself cannot bring a page in."""
        for run in record_each(able_to_import("ctypes"), "absent_page.py", 2, batch=3):
            with self.subTest(python=run.interpreter.name):
                stacks = run.stacks.having("work")
                self.assert_enough(stacks, 50, run.stacks.describe(4))
                wrong = stacks.where(lambda stack: stack.python[-1].file[:1000] != "x" * 1000)
                self.assertEqual(wrong.count, 0, wrong.describe(4)[:1000])
                self.assertGreater(run.recording.statistic("code_faults"), 0)
                read = run.recording.statistic("code_fetched") + run.recording.statistic("code_read_late")
                self.assertGreater(read, 0)

    def test_an_interpreter_that_its_layout_does_not_fit(self):
        for interpreter in able_to_import("ctypes"):
            with self.subTest(python=interpreter.name), start(interpreter, "foreign_code_type.py", 3600) as target:
                recording = record("-p", target.pid, "-d", 2, "-F", 997)
                self.assert_status(recording, 0)
                self.assertIn("the live test of its layout failed", recording.stderr)
                self.assertEqual(recording.statistic("python_unsupported"), 1)
                self.assert_enough(recording.stacks, 50)
                named = recording.stacks.where(lambda stack: any(not name.startswith("[") for name in stack.names))
                self.assertEqual(named.count, 0, named.describe(4))
                self.assertGreater(recording.statistic("bucket_unknown_layout"), 0.5 * recording.stacks.count)

    def test_greenlets(self):
        """The chain of a greenlet ends at its first function; what started it is on a stack that is not in use."""
        for run in record_each(wanted(able_to_import("greenlet"), "Python with greenlet"), "greenlets.py", 2):
            with self.subTest(python=run.interpreter.name):
                self.assert_nothing_lost(run.recording)
                for first, depth in (("run_shallow", 1), ("run_deep", 20)):
                    stacks = run.stacks.having(first, "spin")
                    self.assert_enough(stacks, 50, run.stacks.describe(4))
                    wrong = stacks.where(lambda stack: stack.names != [first] + ["step"] * (depth + 1) + ["spin"])
                    self.assertEqual(wrong.count, 0, wrong.describe(4))


if __name__ == "__main__":
    unittest.main()
