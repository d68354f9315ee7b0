# SPDX-License-Identifier: Apache-2.0
"""What changes a recording while it goes on: snapshots, the ring of the last seconds, triggers."""
import glob
import os
import signal
import subprocess
import unittest

from harness import Profiler, RootTestCase, one_interpreter, pyebpf_path, read_if_there, run_pyebpf, start, tracefs_mounted
from stacks import Stacks

FREQUENCY_HZ = 499  # the programs run for a given time, of which others of the machine may take a part


class ControlTestCase(RootTestCase):
    def assert_ended_well(self, profiler):
        recording = profiler.finish()
        self.assert_status(recording, 0)
        return recording

    def snapshots(self, profiler):
        return sorted(os.path.basename(path) for path in glob.glob(os.path.join(profiler.folder, "out.[0-9]*")))


class Snapshots(ControlTestCase):
    def test_a_signal_writes_what_there_is_and_recording_goes_on(self):
        with start(one_interpreter(), "two_phases.py", 0.5, 1) as target:
            with Profiler("-p", target.pid, "-F", FREQUENCY_HZ, "--no-kernel") as profiler:
                profiler.wait_recording()
                target.lines.wait_for("late is over")
                profiler.send(signal.SIGUSR2)
                profiler.stderr.wait_for(r"wrote .*out\.1\.folded")
                profiler.send(signal.SIGUSR2)
                profiler.stderr.wait_for(r"wrote .*out\.2\.folded")
                profiler.stop()
                recording = self.assert_ended_well(profiler)
                counts = []
                for number in (1, 2):
                    stacks = Stacks.parse(read_if_there(os.path.join(profiler.folder, "out.%d.folded" % number)))
                    self.assert_enough(stacks.having("late"), 100, stacks.describe())
                    counts.append(stacks.count)
                self.assertLessEqual(counts[0], counts[1])
                self.assertLessEqual(counts[1], recording.stacks.count)

    def test_of_a_recording_that_is_streamed(self):
        with start(one_interpreter(), "two_phases.py", 0.1, 1) as target:
            with Profiler("-p", target.pid, "-F", FREQUENCY_HZ, output="out.pyebpf") as profiler:
                profiler.wait_recording()
                target.lines.wait_for("late is over")
                profiler.send(signal.SIGUSR2)
                profiler.stderr.wait_for(r"wrote .*out\.1\.pyebpf")
                profiler.stop()
                self.assertEqual(profiler.process.wait(timeout=60), 0)
                for name in ("out.1.pyebpf", "out.pyebpf"):
                    report = run_pyebpf("report", os.path.join(profiler.folder, name), "--by", "function")
                    self.assertEqual(report.returncode, 0, report.stderr)
                    self.assertIn("late", report.stdout)
                    self.assertNotIn("cut", report.stderr)


class Ring(ControlTestCase):
    def test_only_the_last_seconds_are_kept(self):
        with start(one_interpreter(), "two_phases.py", 2, 5) as target:
            with Profiler("-p", target.pid, "-F", FREQUENCY_HZ, "--ring", 2) as profiler:
                profiler.wait_recording()
                target.lines.wait_for("late is over")
                profiler.stop()
                recording = self.assert_ended_well(profiler)
        self.assertEqual(recording.stacks.having("early").count, 0, recording.stacks.describe())
        self.assert_enough(recording.stacks.having("late"), 0.3 * FREQUENCY_HZ, recording.stacks.describe())
        self.assertLessEqual(recording.stacks.count, 2.1 * FREQUENCY_HZ)
        # The accounting is that of the whole time.
        self.assertGreater(recording.statistic("ticks_sampled"), 2.2 * FREQUENCY_HZ)

    def test_cpu_use_has_the_ring_written(self):
        arguments = [pyebpf_path(), "record", "-F", str(FREQUENCY_HZ), "--ring", "3", "--trigger", "cpu>50%/1s"]
        with start(one_interpreter(), "two_phases.py", 0.1, 1) as target, Profiler() as profiler:
            profiler.process.kill()  # only its folder is wanted: --stats does not go with this
            output = os.path.join(profiler.folder, "out.folded")
            with subprocess.Popen(arguments + ["-p", str(target.pid), "-o", output], stderr=subprocess.PIPE, text=True) as process:
                for line in process.stderr:
                    if "out.1.folded" in line:
                        break
                process.send_signal(signal.SIGINT)
                rest = process.stderr.read()
            self.assertEqual(process.returncode, 0, rest)
            self.assertIn("cpu>50%/1s happened 1 times", rest)
            self.assertEqual(self.snapshots(profiler), ["out.1.folded"])
            self.assertIsNone(read_if_there(output))
            stacks = Stacks.parse(read_if_there(os.path.join(profiler.folder, "out.1.folded")))
            self.assert_enough(stacks.having("late"), 0.3 * FREQUENCY_HZ, stacks.describe())


class Start(ControlTestCase):
    def test_recording_begins_with_an_event(self):
        options = ["-F", FREQUENCY_HZ, "--trigger", "tracepoint:syscalls:sys_enter_sync"]
        with start(one_interpreter(), "two_phases.py", 3, 1.5) as target:
            with tracefs_mounted(), Profiler("-p", target.pid, *options) as profiler:
                profiler.wait_recording()
                target.lines.wait_for("late is over")
                profiler.stop()
                recording = self.assert_ended_well(profiler)
        self.assertIn("recording begins", recording.stderr)
        self.assert_enough(recording.stacks.having("late"), 0.3 * FREQUENCY_HZ, recording.stacks.describe())
        # It is asked about every 50 ms whether the event came.
        self.assertEqual(recording.stacks.having("early").count, 0, recording.stacks.describe())

    def test_recording_begins_with_a_signal(self):
        with start(one_interpreter(), "two_phases.py", 0.1, 1) as target:
            with Profiler("-p", target.pid, "-F", FREQUENCY_HZ, "-d", 1, "--trigger", "SIGUSR1") as profiler:
                profiler.wait_recording()
                target.lines.wait_for("late is over")
                profiler.send(signal.SIGUSR1)
                recording = self.assert_ended_well(profiler)
        self.assertIn("SIGUSR1: recording begins", recording.stderr)
        self.assert_enough(recording.stacks.having("late"), 0.3 * FREQUENCY_HZ, recording.stacks.describe())
        self.assertLessEqual(recording.stacks.count, 1.2 * FREQUENCY_HZ)

    def test_what_does_not_happen_leaves_nothing(self):
        with Profiler("--trigger", "cpu>50%/1s", command=["sleep", "2"]) as profiler:
            recording = profiler.finish()
            self.assertEqual(os.listdir(profiler.folder), [])
        self.assert_status(recording, 0)
        self.assertIn("cpu>50%/1s did not happen: nothing was written", recording.stderr)

    def test_bad_input(self):
        for arguments, words in (
            (["--trigger", "cpu>80%"], "cpu>PERCENT%/SECONDS"),
            (["--trigger", "cpu>80%/0s"], "cpu>PERCENT%/SECONDS"),
            (["--trigger", "cpu>80%/10s", "--mode", "wall"], "samples of CPU time"),
            (["--trigger", "cpu-clock"], "all the time"),
            (["--trigger", "tracepoint:syscalls:sys_enter_synk"], "sys_enter_sync"),
            (["--trigger", "SIGHUP"], "SIGHUP"),
            (["--ring", "-1"], "--ring -1"),
            (["--ring", "5", "--trigger", "SIGUSR1", "--stats", "/dev/null"], "--stats"),
        ):
            with self.subTest(arguments=arguments), tracefs_mounted():
                completed = run_pyebpf("record", "-a", "-d", 1, "-o", "-", *arguments)
                self.assertEqual(completed.returncode, 2, completed.stderr)
                self.assertIn(words, completed.stderr)


if __name__ == "__main__":
    unittest.main()
