# SPDX-License-Identifier: Apache-2.0
"""However the interpreter was installed or started: virtual environments, renamed and deleted executables, -X perf, the JIT."""
import contextlib
import os
import shutil
import subprocess
import tempfile
import unittest

from harness import PROGRAMS, RootTestCase, Target, interpreters, one_interpreter, record

DEPTH = 6
EXPECTED = ["<module>", "main"] + ["descend"] * DEPTH + ["leaf"]


class Builds(RootTestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pyebpf-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def check(self, recording, enough=50):
        self.assert_status(recording, 0)
        self.assert_nothing_lost(recording)
        stacks = recording.stacks.having("leaf")
        self.assert_enough(stacks, enough, recording.stacks.describe(4) + recording.stderr)
        wrong = stacks.where(lambda stack: stack.names != EXPECTED)
        self.assertEqual(wrong.count, 0, wrong.describe(4))

    def program(self, seconds=1):
        return [os.path.join(PROGRAMS, "recursion.py"), str(seconds), str(DEPTH)]

    def copied_executable(self, interpreter):
        """The interpreter's own file under a name that says nothing, and the environment in which it finds its library."""
        real = os.path.realpath(interpreter.path)
        copy = shutil.copy(real, os.path.join(self.folder, "server"))
        return copy, ["env", "PYTHONHOME=" + os.path.dirname(os.path.dirname(real)), copy]

    def test_virtual_environment(self):
        for interpreter in interpreters((3, 6)):
            if interpreter.root:
                continue
            with self.subTest(python=interpreter.name):
                place = os.path.join(self.folder, interpreter.version)
                subprocess.run([interpreter.path, "-m", "venv", "--without-pip", place], check=True)
                self.check(record("-F", 997, command=[os.path.join(place, "bin", "python")] + self.program()))

    def test_executable_of_another_name(self):
        for interpreter in interpreters():
            if interpreter.root:
                continue
            with self.subTest(python=interpreter.name):
                _, command = self.copied_executable(interpreter)
                self.check(record("-F", 997, command=command + self.program()))

    def test_executable_deleted_while_it_runs(self):
        """Deleted before the recording begins: only the kernel still has the file."""
        for interpreter in interpreters():
            if interpreter.root:
                continue
            with self.subTest(python=interpreter.name):
                copy, command = self.copied_executable(interpreter)
                with Target(command + self.program(3600)).wait_ready() as target:
                    os.unlink(copy)
                    self.check(record("-p", target.pid, "-d", 2, "-F", 997))

    def test_executable_replaced_while_it_runs(self):
        """Another file at the same path, as after an upgrade of the package."""
        interpreter = one_interpreter()
        copy, command = self.copied_executable(interpreter)
        with Target(command + self.program(3600)).wait_ready() as target:
            os.unlink(copy)
            shutil.copy(shutil.which("true"), copy)
            self.check(record("-p", target.pid, "-d", 2, "-F", 997))

    def test_perf_trampolines(self):
        for interpreter in interpreters((3, 12)):
            with self.subTest(python=interpreter.name):
                command = interpreter.command("recursion.py", 1, DEPTH)
                at = command.index(interpreter.path) + 1
                recording = record("-F", 997, command=command[:at] + ["-X", "perf"] + command[at:])
                for entry in recording.document["processes"]:
                    # The map that CPython leaves for perf.
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink("%s/tmp/perf-%d.map" % (interpreter.root or "", entry["pid"]))
                self.check(recording)

    def test_jit_is_on(self):
        for interpreter in interpreters((3, 14)):
            with self.subTest(python=interpreter.name):
                command = ["env", "PYTHON_JIT=1"] + interpreter.command("recursion.py", 2, DEPTH)
                self.check(record("-F", 997, command=command))


if __name__ == "__main__":
    unittest.main()
