# SPDX-License-Identifier: Apache-2.0
"""What is sampled: the whole machine, processes with their threads and children, or a command, whose exit status is ours."""
import contextlib
import os
import signal
import sys
import unittest

from harness import RootTestCase, interpreters, one_interpreter, record, run_pyebpf, start

ENOUGH = 20


class WholeMachine(RootTestCase):
    def test_pythons_of_all_versions_at_once(self):
        found = interpreters()
        with contextlib.ExitStack() as stack:
            targets = {one: stack.enter_context(start(one, "recursion.py", 3600, 7)) for one in found}
            recording = record("-a", "-d", 4, "-F", 997, "--per-process")
            self.assert_status(recording, 0)
            self.assert_nothing_lost(recording)
            for interpreter, target in targets.items():
                with self.subTest(python=interpreter.name):
                    stacks = recording.stacks.of_pid(target.pid)
                    self.assert_enough(stacks, ENOUGH)
                    wrong = stacks.where(lambda one: one.names != ["<module>", "main"] + ["descend"] * 7 + ["leaf"])
                    self.assertEqual(wrong.count, 0, wrong.describe(4))
                    shown = recording.process(target.pid)["python"]
                    self.assertTrue(shown.startswith("%d.%d" % interpreter.minor), "version shown: %r" % shown)

    def test_processes_that_are_not_python_are_there_too(self):
        with contextlib.ExitStack() as stack:
            target = stack.enter_context(start(one_interpreter(), "recursion.py", 3600, 2))
            shell = stack.enter_context(Busy("sh", "-c", "while :; do :; done"))
            recording = record("-a", "-d", 2, "-F", 997, "--per-process")
            self.assert_status(recording, 0)
            self.assert_enough(recording.stacks.of_pid(target.pid), ENOUGH)
            shell_stacks = recording.stacks.of_pid(shell.pid)
            self.assert_enough(shell_stacks, ENOUGH)
            self.assertEqual(shell_stacks.where(lambda one: bool(one.names)).count, 0)

    def test_without_kernel_and_without_native_frames(self):
        with start(one_interpreter(), "sleep_and_io.py", 3600):
            for option, absent in (("--no-kernel", "kernel"), ("--no-native", "native")):
                recording = record("-a", "-d", 1, "-F", 499, option)
                self.assert_status(recording, 0)
                kinds = {frame.kind for one in recording.stacks for frame in one.frames}
                self.assertNotIn(absent, kinds)
                self.assertIn("python", kinds)


class Busy:
    """A command that runs until the `with` block ends."""

    def __init__(self, *command):
        self.command = command

    def __enter__(self):
        self.pid = os.spawnvp(os.P_NOWAIT, self.command[0], self.command)
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class Processes(RootTestCase):
    def test_only_the_given_processes(self):
        python = one_interpreter()
        with start(python, "recursion.py", 3600, 3) as first, start(python, "one_hot_line.py", 3600) as second:
            with start(python, "memory_hungry.py", 3600) as other:
                recording = record("-p", "%d,%d" % (first.pid, second.pid), "-d", 3, "-F", 997, "--per-process")
                self.assert_status(recording, 0)
                self.assert_nothing_lost(recording)
                self.assertEqual({stack.pid for stack in recording.stacks}, {first.pid, second.pid})
                self.assertNotIn(other.pid, {entry["pid"] for entry in recording.document["processes"] if entry["samples"]})
                self.assert_enough(recording.stacks.of_pid(first.pid).having("descend", "leaf"), ENOUGH)
                self.assert_enough(recording.stacks.of_pid(second.pid).having("hot"), ENOUGH)

    def test_threads_of_the_process(self):
        with start(one_interpreter(), "threads_gil.py", 3600, 4) as target:
            recording = record("-p", target.pid, "-d", 3, "-F", 997, "--per-thread", "--per-process")
            self.assert_status(recording, 0)
            for index in range(4):
                self.assert_enough(recording.stacks.having("worker_%d" % index), 5)
            self.assertGreaterEqual(len({stack.tid for stack in recording.stacks}), 4)

    def test_children_are_sampled_too(self):
        """Forked before the recording began: the pool works on while -p names only the parent."""
        with start(one_interpreter(), "fork_children.py", 3600, 2) as target:
            recording = record("-p", target.pid, "-d", 3, "-F", 997, "--per-process")
            self.assert_status(recording, 0)
            self.assert_enough(recording.stacks.of_pid(target.pid).having("parent_work"), 5)
            children = recording.stacks.having("child_work")
            self.assert_enough(children, 5)
            self.assertEqual(len({stack.pid for stack in children}), 2)
            for pid in {stack.pid for stack in children}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def test_ends_when_the_processes_have_ended(self):
        with start(one_interpreter(), "recursion.py", 2, 3) as target:
            recording = record("-p", target.pid, "--per-process", "-F", 997)
            self.assert_status(recording, 0)
            self.assert_enough(recording.stacks.having("leaf"), ENOUGH)


class Command(RootTestCase):
    def test_exit_status_is_passed_through(self):
        for code in (0, 3, 255):
            with self.subTest(code=code):
                recording = record(command=["sh", "-c", "exit %d" % code])
                self.assert_status(recording, code)
                self.assertIsNotNone(recording.document, "the profile is written whatever the status")

    def test_death_by_signal_is_128_plus_its_number(self):
        for name in ("TERM", "KILL", "SEGV"):
            with self.subTest(signal=name):
                recording = record(command=["sh", "-c", "kill -%s $$" % name])
                self.assert_status(recording, 128 + getattr(signal, "SIG" + name))

    def test_output_and_input_flow(self):
        script = "import sys; print('to stdout'); sys.stderr.write('to stderr\\n'); print(sys.stdin.read(), end='')"
        options = ["-q", "-o", "/dev/null", "--format", "collapsed"]
        completed = run_pyebpf("record", *options, "--", sys.executable, "-c", script, input="given\n")
        self.assertEqual(completed.returncode, 0, completed.stderr)
        self.assertEqual(completed.stdout, "to stdout\ngiven\n")
        self.assertIn("to stderr\n", completed.stderr)

    def test_data_on_stdout(self):
        with start(one_interpreter(), "recursion.py", 3600, 3) as target:
            completed = run_pyebpf("record", "-p", target.pid, "-d", 1, "-F", 499, "-o", "-")
            self.assertEqual(completed.returncode, 0, completed.stderr)
            lines = completed.stdout.splitlines()
            self.assertTrue(lines)
            for line in lines:
                self.assertRegex(line, r"^\S.* \d+$", "not a collapsed stack on stdout")
            self.assertTrue(any("descend" in line for line in lines))

    def test_is_sampled_from_its_first_instruction(self):
        """The imports before main() are in the profile, and so is the work of the dynamic loader or the kernel's exec."""
        for interpreter in interpreters()[:1] + interpreters()[-1:]:
            with self.subTest(python=interpreter.name):
                recording = record("-F", 4999, command=interpreter.command("json_work.py", 0.2))
                self.assert_status(recording, 0)
                before = recording.stacks.where(lambda stack: "main" not in stack.names)
                self.assertGreater(before.count, 0)
                self.assert_enough(recording.stacks.having("encode_document"), 10)

    def test_duration_ends_the_recording_and_not_the_command(self):
        """-d is how long to sample; what the command does afterwards is its own affair, and its status is still ours."""
        script = "import sys, time; time.sleep(2); print('lived on', flush=True); sys.exit(4)"
        recording = record("-d", 1, command=[sys.executable, "-c", script])
        self.assertEqual(recording.stdout, "lived on\n")
        self.assert_status(recording, 4)

    def test_every_interpreter_as_a_command(self):
        for interpreter in interpreters():
            with self.subTest(python=interpreter.name):
                recording = record("-F", 997, "--per-process", command=interpreter.command("recursion.py", 1, 12))
                self.assert_status(recording, 0)
                self.assertIn("ready", recording.stdout)
                stacks = recording.stacks.having("leaf")
                self.assert_enough(stacks, ENOUGH)
                wrong = stacks.where(lambda stack: stack.names != ["<module>", "main"] + ["descend"] * 12 + ["leaf"])
                self.assertEqual(wrong.count, 0, wrong.describe(4))


if __name__ == "__main__":
    unittest.main()
