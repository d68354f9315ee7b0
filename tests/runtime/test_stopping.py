# SPDX-License-Identifier: Apache-2.0
"""How a recording ends: Ctrl-C and SIGTERM write the profile, a second Ctrl-C gives up, SIGKILL leaves nothing behind."""
import os
import signal
import subprocess
import time
import unittest

from harness import HANG_SECONDS, Lines, Profiler, RootTestCase, bpf_programs, bpf_programs_of, one_interpreter
from harness import pyebpf_path, start, wait_until_sampling


class Stopping(RootTestCase):
    def check_stop(self, number):
        with start(one_interpreter(), "recursion.py", 3600, 4) as target:
            with Profiler("-p", target.pid, "-F", 997).wait_recording() as profiler:
                wait_for_cpu_seconds(target.pid, 0.5)
                profiler.send(number)
                recording = profiler.finish()
        self.assert_status(recording, 0)
        self.assert_enough(recording.stacks.having("main", "leaf"), 100)
        self.assert_nothing_lost(recording)

    def test_control_c_stops_and_writes(self):
        self.check_stop(signal.SIGINT)

    def test_sigterm_stops_and_writes(self):
        self.check_stop(signal.SIGTERM)

    def test_control_c_goes_to_the_command_and_its_status_stays_ours(self):
        """As on a terminal, the whole process group gets it: the command ends by it, the profile is written."""
        command = one_interpreter().command("recursion.py", 3600, 4)
        with Profiler("-F", 997, command=command, setup=os.setpgrp) as profiler:
            profiler.stdout.wait_for("^ready$")
            os.killpg(profiler.pid, signal.SIGINT)
            recording = profiler.finish()
        # CPython dies of SIGINT by SIGINT itself since 3.8: 128 + 2.
        self.assert_status(recording, 128 + signal.SIGINT)
        self.assertIsNotNone(recording.stacks)
        self.assertIsNotNone(recording.document)

    def test_second_control_c_aborts(self):
        """The profile goes to a pipe that nobody reads, so that the first Ctrl-C cannot be done before the second comes."""
        with start(one_interpreter(), "deep_recursion.py", 3600) as target:
            arguments = ["record", "-p", str(target.pid), "-F", "997", "-o", "-"]
            process = subprocess.Popen(
                [pyebpf_path()] + arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            try:
                wait_until_sampling(process)
                Lines(process.stderr)
                wait_for_cpu_seconds(target.pid, 0.5)
                process.send_signal(signal.SIGINT)
                wait_until_taken(process, signal.SIGINT)
                process.send_signal(signal.SIGINT)
                status = process.wait(timeout=HANG_SECONDS)
            finally:
                process.kill()
                process.wait()
                process.stdout.close()
        self.assertIn(status, (128 + signal.SIGINT, -signal.SIGINT))

    def test_kill_9_leaves_nothing(self):
        with start(one_interpreter(), "recursion.py", 3600, 4) as target:
            with Profiler("-p", target.pid, "-F", 997).wait_recording() as profiler:
                wait_for_cpu_seconds(target.pid, 0.3)
                attached = bpf_programs_of(profiler.pid) & bpf_programs()
                self.assertTrue(attached, "no BPF program of the profiler was seen: the test would prove nothing")
                profiler.send(signal.SIGKILL)
                recording = profiler.finish()
                self.assertEqual(recording.status, -signal.SIGKILL)
                self.assertEqual(os.listdir(profiler.folder), [], "a partial file was left")
        self.assertEqual(programs_that_stay(attached), set(), "BPF programs stayed in the kernel")


def wait_for_cpu_seconds(pid, seconds):
    """Until the process has used that much more CPU time: enough has happened that there are samples of it."""
    end = cpu_seconds(pid) + seconds
    deadline = time.monotonic() + HANG_SECONDS
    while cpu_seconds(pid) < end:
        if time.monotonic() > deadline:
            raise AssertionError("process %d does not run" % pid)
        os.sched_yield()


def wait_until_taken(process, number):
    """Until the signal is no longer pending: two of the same number would merge into one."""
    deadline = time.monotonic() + HANG_SECONDS
    pending = True
    while pending and time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError("the first signal already ended it, with %d" % process.returncode)
        with open("/proc/%d/status" % process.pid, encoding="utf-8") as stream:
            masks = [int(line.split()[1], 16) for line in stream if line.startswith(("SigPnd:", "ShdPnd:"))]
        pending = any(mask >> (number - 1) & 1 for mask in masks)


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid, encoding="utf-8") as stream:
        fields = stream.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def programs_that_stay(programs):
    """The kernel frees programs a grace period after the last reference has gone: ask until they are, or for a minute."""
    deadline = time.monotonic() + 60
    while True:
        left = programs & bpf_programs()
        if not left or time.monotonic() > deadline:
            return left


if __name__ == "__main__":
    unittest.main()
