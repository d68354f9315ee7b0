# SPDX-License-Identifier: Apache-2.0
"""What the user got wrong, and what the system refuses: the exit code, a message that names the object, and nothing written."""
import collections
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

from harness import HANG_SECONDS, RootTestCase, pyebpf_path, run_pyebpf

FAILURE, USAGE, NOT_EXECUTABLE, NOT_FOUND = 1, 2, 126, 127
NOBODY = 65534

Case = collections.namedtuple("Case", "what arguments status says")


def free_pid():
    """A pid that no process has: that of a child which has ended and been waited for."""
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def maximum_rate():
    with open("/proc/sys/kernel/perf_event_max_sample_rate", encoding="utf-8") as stream:
        return int(stream.read())


class BadInput(RootTestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pyebpf-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.ran = os.path.join(self.folder, "the-command-ran")

    def cases(self):
        output = os.path.join(self.folder, "out.folded")
        script = os.path.join(self.folder, "not-executable")
        with open(script, "w", encoding="utf-8") as stream:
            stream.write("#!/bin/sh\n")
        os.chmod(script, 0o644)
        missing = os.path.join(self.folder, "missing", "out.folded")
        pid = free_pid()
        touch = ["--", "touch", self.ran]
        to = ["-o", output]
        return [
            Case("no target", to, USAGE, ["-a", "-p"]),
            Case("two targets", to + ["-a", "-p", os.getpid()], USAGE, ["-a", "-p"]),
            Case("pid that does not exist", to + ["-p", pid, "-d", 1], FAILURE, [str(pid)]),
            Case("pid that is no number", to + ["-p", "12x", "-d", 1], USAGE, ["12x"]),
            Case("pid 0", to + ["-p", 0, "-d", 1], USAGE, ["0"]),
            Case("negative pid", to + ["-p", "-5", "-d", 1], USAGE, ["-5"]),
            Case("one pid of two does not exist", to + ["-p", "%d,%d" % (os.getpid(), pid), "-d", 1], FAILURE, [str(pid)]),
            Case("command not found", to + ["--", "no-such-command"], NOT_FOUND, ["no-such-command"]),
            Case("path not found", to + ["--", "/no/such/path"], NOT_FOUND, ["/no/such/path"]),
            Case("command not executable", to + ["--", script], NOT_EXECUTABLE, [script]),
            Case("command is a folder", to + ["--", self.folder], NOT_EXECUTABLE, [self.folder]),
            Case("no command after --", to + ["--"], USAGE, ["COMMAND"]),
            Case("frequency 0", to + ["-F", 0] + touch, USAGE, ["0"]),
            Case("negative frequency", to + ["-F", -1] + touch, USAGE, ["-1"]),
            Case("frequency that is no number", to + ["-F", "fast"] + touch, USAGE, ["fast"]),
            Case(
                "frequency above the kernel's limit",
                to + ["-F", maximum_rate() + 1] + touch,
                USAGE,
                [str(maximum_rate() + 1), str(maximum_rate()), "perf_event_max_sample_rate"],
            ),
            Case("frequency beyond 64 bits", to + ["-F", "99999999999999999999"] + touch, USAGE, ["1e+20", "limit"]),
            Case("negative duration", to + ["-d", -1] + touch, USAGE, ["-1"]),
            Case("duration that is no number", to + ["-d", "nan"] + touch, USAGE, ["nan"]),
            Case("output folder is missing", ["-o", missing] + touch, FAILURE, [os.path.dirname(missing)]),
            Case("output is a folder", ["-o", self.folder, "--format", "collapsed"] + touch, USAGE, [self.folder]),
            Case("unknown extension", ["-o", output + ".xyz"] + touch, USAGE, [".xyz", ".html", ".folded"]),
            Case("no extension", ["-o", output[: -len(".folded")]] + touch, USAGE, [".html", ".folded"]),
            Case("unknown format", to + ["--format", "xyz"] + touch, USAGE, ["xyz", "html", "collapsed"]),
            Case("statistics folder is missing", to + ["--stats", missing] + touch, FAILURE, [os.path.dirname(missing)]),
            Case("unknown option", to + ["--no-such-option"] + touch, USAGE, ["--no-such-option"]),
        ]

    def test_table(self):
        for case in self.cases():
            with self.subTest(case.what):
                before = sorted(os.listdir(self.folder))
                completed = run_pyebpf("record", *case.arguments)
                message = completed.stderr
                self.assertEqual(completed.returncode, case.status, message)
                for text in case.says:
                    self.assertIn(text, message)
                self.assertNotRegex(message, r"internal error|terminate called|Traceback|std::")
                self.assertLess(len(message), 2000, "an error is a message, not a manual")
                self.assertEqual(completed.stdout, "", "stdout is for data")
                self.assertEqual(sorted(os.listdir(self.folder)), before, "something was written, or the command ran")

    def test_output_folder_that_is_not_writable(self):
        """Root may write everywhere but to what refuses everybody: /proc."""
        completed = run_pyebpf("record", "-o", "/proc/out.folded", "--", "touch", self.ran)
        self.assertEqual(completed.returncode, FAILURE, completed.stderr)
        self.assertIn("/proc", completed.stderr)
        self.assertFalse(os.path.exists(self.ran), "found only after the command had run")

    def test_unknown_subcommand(self):
        completed = run_pyebpf("recrod")
        self.assertEqual(completed.returncode, USAGE, completed.stderr)
        self.assertIn("recrod", completed.stderr)

    def test_no_subcommand_shows_what_there_is(self):
        completed = run_pyebpf()
        self.assertEqual(completed.returncode, USAGE)
        self.assertIn("record", completed.stdout + completed.stderr)


class WithoutRoot(RootTestCase):
    """Started by root, as nobody: a copy of the program that nobody can reach."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pyebpf-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.program = shutil.copy(pyebpf_path(), self.folder)
        os.chmod(self.program, stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
        self.writable = os.path.join(self.folder, "output")
        os.mkdir(self.writable)
        os.chown(self.writable, NOBODY, NOBODY)

    def run_as_nobody(self, *arguments):
        drop = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--inh-caps=-all"]
        return subprocess.run(
            drop + ["--bounding-set=-all", self.program] + [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=HANG_SECONDS,
            cwd=self.writable,
        )

    def test_record_names_the_missing_capability(self):
        for target in (["-a", "-d", 1], ["-p", os.getpid(), "-d", 1], ["--", sys.executable, "-c", "open('ran', 'w')"]):
            with self.subTest(target=target[0]):
                completed = self.run_as_nobody("record", "-o", "out.folded", *target)
                self.assertEqual(completed.returncode, FAILURE, completed.stderr)
                self.assertRegex(completed.stderr, r"CAP_(BPF|PERFMON|SYS_ADMIN)")
                self.assertRegex(completed.stderr, r"sudo|setcap|root")
                self.assertEqual(os.listdir(self.writable), [])

    def test_output_folder_of_somebody_else(self):
        completed = self.run_as_nobody("record", "-o", os.path.join(self.folder, "out.folded"), "-a", "-d", 1)
        self.assertEqual(completed.returncode, FAILURE, completed.stderr)
        self.assertEqual(sorted(os.listdir(self.folder)), ["output", "pyebpf"])

    def test_doctor_runs_and_says_what_is_missing(self):
        completed = self.run_as_nobody("doctor")
        self.assertIn("CAP_", completed.stdout)

    def test_version_and_help_need_no_rights(self):
        for arguments in (["--version"], ["--help"], ["record", "--help"]):
            with self.subTest(arguments=arguments):
                completed = self.run_as_nobody(*arguments)
                self.assertEqual(completed.returncode, 0, completed.stderr)
                self.assertTrue(completed.stdout)


if __name__ == "__main__":
    unittest.main()
