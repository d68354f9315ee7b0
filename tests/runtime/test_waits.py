# SPDX-License-Identifier: Apache-2.0
"""Time that is not CPU: how long programs waited, for what, and that all modes of recording agree with what they measured.

The programs (tests/programs/waits.py) wait in functions of their own and measure around them, with a clock that runs before the
wait begins and after it has ended: what pyebpf finds may be less by the microseconds in between, never more. SLACK covers them
and the rounding of collapsed stacks to whole ticks of 0.1 ms.
"""
import json
import os
import tempfile
import unittest

from harness import RootTestCase, interpreters, one_interpreter, record, record_each, run_pyebpf

FREQUENCY_HZ = 10007
SLACK = 0.01
RIGHT_CAUSE = 0.99
COUNT, MILLISECONDS = 40, 25


def ticks_of(seconds):
    return seconds * FREQUENCY_HZ


def in_state(stacks, *states):
    """Stacks whose first frame is one of the markers that --per-state makes."""
    return stacks.where(lambda stack: stack.frames[0].function in ["[%s]" % state for state in states])


class Causes(RootTestCase):
    def record_waits(self, cause, found=None, count=COUNT):
        options = ["--mode", "off-cpu", "--per-state"]
        for run in record_each(
            found or [one_interpreter()], "waits.py", cause, count, MILLISECONDS, options=options, frequency=FREQUENCY_HZ
        ):
            self.assert_nothing_lost(run.recording)
            yield run, run.stacks.having("wait_" + cause)

    def with_cause(self, cause, state, found=None):
        """The waits of wait_CAUSE last as long as the program says, and are for `state`. Time in the run queue, after the wake-up
        by others and while preempted, is no wait of its own making: it is in the total and not in the comparison of causes."""
        for run, waits in self.record_waits(cause, found):
            with self.subTest(cause=cause, python=run.interpreter.name):
                right = in_state(waits, state).count
                wrong = waits.count - right - in_state(waits, "run-queue", "throttled").count
                self.assertGreater(right, 0, waits.describe())
                self.assertGreaterEqual(right / (right + wrong), RIGHT_CAUSE, waits.describe())
                self.assertLessEqual(waits.count, ticks_of(run.report["waited"]) * (1 + SLACK))
            yield run, waits

    def assert_total(self, cause, state):
        """What the program measured is all that is in measure() and not in its preparations: it may be preempted anywhere in it."""
        for run, _ in self.with_cause(cause, state):
            measured = run.stacks.where(lambda stack: stack.has("measure") and not stack.has("prepare"))
            expected = ticks_of(run.report["waited"] - run.report["ran"])
            self.assertLessEqual(abs(measured.count - expected), expected * SLACK, measured.describe())

    def test_sleep(self):
        self.assert_total("sleep", "sleep")

    def test_lock(self):
        self.assert_total("lock", "lock")

    def test_pipe(self):
        self.assert_total("pipe", "pipe")

    def test_network(self):
        self.assert_total("network", "network")

    def test_child(self):
        self.assert_total("child", "child")

    def test_poll(self):
        for run, waits in self.record_waits("poll"):
            # After the poll the byte is there: reading it does not wait.
            right = in_state(waits, "poll").count
            self.assertGreaterEqual(right, (1 - SLACK) * ticks_of(COUNT * MILLISECONDS * 1e-3), waits.describe())

    def test_disk(self):
        with tempfile.TemporaryDirectory(dir=os.path.expanduser("~")) as folder:
            os.environ["WAITS_FILE"] = os.path.join(folder, "file")
            try:
                for _ in self.with_cause("disk", "disk"):
                    pass
            finally:
                del os.environ["WAITS_FILE"]

    def test_run_queue(self):
        """Two processes share a CPU: each waits while the other runs."""
        for run, waits in self.record_waits("queue", count=8):
            queued = in_state(waits, "run-queue").count
            self.assertGreater(queued, 0.25 * ticks_of(run.report["waited"]), waits.describe())
            self.assertGreaterEqual(queued / waits.count, RIGHT_CAUSE, waits.describe())

    def test_gil(self):
        """Under every version: a helper sleeps while it holds the lock, which is what the main thread waits for."""
        for run, waits in self.with_cause("gil", "gil", interpreters()):
            holder = in_state(run.stacks.having("hold_gil"), "sleep")
            self.assertGreater(holder.count, 0, run.stacks.describe())


class Modes(RootTestCase):
    def test_wall_time_of_a_thread_is_what_elapsed(self):
        """Sleeping, waiting for another thread, and running, each alone and mixed: the total is the elapsed time."""
        for cause in ["sleep", "lock", "queue"]:
            with self.subTest(cause=cause):
                for run in record_each(
                    [one_interpreter()], "waits.py", cause, COUNT, MILLISECONDS, options=["--mode", "wall"], frequency=FREQUENCY_HZ
                ):
                    self.assert_nothing_lost(run.recording)
                    main = run.stacks.where(lambda stack: stack.tid == run.report["tid"])
                    inside = main.having("measure").count
                    expected = ticks_of(run.report["elapsed"])
                    self.assertLessEqual(abs(inside - expected), SLACK * expected, main.describe())

    def test_gil_mode_names_who_holds_and_who_waits(self):
        recording = record(
            "--mode", "gil", "--per-state", command=one_interpreter().command("waits.py", "gil", COUNT, MILLISECONDS)
        )
        self.assert_status(recording, 0)
        waits = in_state(recording.stacks, "gil")
        self.assertGreater(waits.having("wait_gil").count, 0.8 * waits.count, waits.describe())
        self.assertRegex(recording.stderr, r"GIL: held by \S*hold_gil \d+ % of .*, waited for by \S*wait_gil \d+ %")

    def test_exception_mode_takes_only_what_handles_one(self):
        found = [one for one in interpreters() if one.root is None]
        options = ["--mode", "exception"]
        for run in record_each(found, "exceptions.py", 2, options=options):
            with self.subTest(python=run.interpreter.name):
                self.assertGreater(run.stacks.having("handle").count, 50, run.stacks.describe())
                self.assertEqual(run.stacks.having("work_without").count, 0, run.stacks.describe())

    def test_waits_of_short_switches_are_thinned_and_weighed(self):
        """100,000 switches: few samples, the right time."""
        recording = record(
            "--mode", "off-cpu", "--per-thread", "-F", 99, command=one_interpreter().command("ping_pong.py", 50000)
        )
        self.assert_status(recording, 0)
        report = json.loads(recording.stdout.splitlines()[-1])
        self.assertGreater(recording.statistic("events_thinned"), recording.statistic("ticks_sampled"))
        waited = recording.stacks.where(lambda stack: stack.tid == report["tid"] and stack.has("pong")).count
        expected = report["waited"] * 99
        # A thousand samples, of waits that last longer now and then because others use the CPU: five deviations of 5 %.
        self.assertLessEqual(abs(waited - expected), 0.25 * expected + 2)

    def test_contradictions(self):
        for arguments, message in [
            (["--mode", "wall", "--event", "cycles"], "contradict"),
            (["--mode", "sideways"], "there is no mode 'sideways'"),
            (["--min-block", "10"], "--min-block"),
            (["--mode", "wall", "--min-block", "-1"], "--min-block"),
        ]:
            with self.subTest(arguments=arguments):
                result = run_pyebpf("record", "-a", "-d", "1", *arguments)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(message, result.stderr)


if __name__ == "__main__":
    unittest.main()
