# SPDX-License-Identifier: Apache-2.0
"""What takes a share of the CPU time gets that share of the samples, and nothing that a program did is told wrong.

Bounds: stacks.share_bound at five standard deviations, plus, where the program's own measuring is not exact, the slack named
at the comparison. Shares of functions are compared by tests/truth.
"""
import os
import unittest

from harness import PROGRAMS, RootTestCase, interpreters, record_each
from stacks import same_function

SECONDS = 3


def hot_line_number():
    with open(os.path.join(PROGRAMS, "one_hot_line.py"), encoding="utf-8") as source:
        return [number for number, line in enumerate(source, 1) if line.rstrip().endswith("# HOT")][0]


class Shares(RootTestCase):
    def test_hot_line(self):
        hot = hot_line_number()
        for run in record_each(interpreters(), "one_hot_line.py", SECONDS, options=["--lines"]):
            with self.subTest(python=run.interpreter.name):
                self.assert_nothing_lost(run.recording)
                stacks = run.stacks.having("hot")
                self.assert_enough(stacks, 100)
                on_line = stacks.where(lambda stack: stack.python[-1].function == "hot" and stack.python[-1].line == hot)
                # Building the list of numbers, once, is on another line.
                self.assert_share(on_line.count, stacks.count, 1.0, slack=0.05, context=stacks.describe(4))

    def test_lines_of_callers_are_those_of_their_calls(self):
        with open(os.path.join(PROGRAMS, "recursion.py"), encoding="utf-8") as source:
            lines = source.read().splitlines()
        call = lines.index("        descend(depth - 1, end)") + 1
        last_call = lines.index("        leaf(end)") + 1
        for run in record_each(interpreters(), "recursion.py", SECONDS, 5, options=["--lines"]):
            with self.subTest(python=run.interpreter.name):
                stacks = run.stacks.having("leaf")
                self.assert_enough(stacks, 100)
                for stack in stacks:
                    shown = [frame.line for frame in stack.python if frame.function == "descend"]
                    self.assertEqual(shown, [call] * 4 + [last_call])

    def test_threads_get_samples_by_their_cpu_time(self):
        for run in record_each(interpreters(), "threads_gil.py", SECONDS, 3, batch=4):
            with self.subTest(python=run.interpreter.name):
                total = sum(run.report["cpu_seconds"].values())
                samples = run.stacks.having("run_worker")
                self.assert_enough(samples, 200)
                for worker, seconds in run.report["cpu_seconds"].items():
                    part = samples.having(worker).count
                    self.assert_share(part, samples.count, seconds / total, slack=0.02, context=worker)


class Truth(RootTestCase):
    """The program writes down its own stacks; the recorded ones may not contradict them."""

    def test_stacks_at_the_points_are_those_the_program_recorded(self):
        for run in record_each(interpreters(), "truth.py", SECONDS, batch=4):
            with self.subTest(python=run.interpreter.name):
                self.assert_nothing_lost(run.recording)
                known = [point["stack"] for point in run.report["points"]]
                held = run.stacks.having("hold").where(lambda stack: stack.names[-1] == "hold")
                self.assert_enough(held, 100)
                wrong = held.where(lambda stack: not any(self.agrees(stack, truth, run) for truth in known))
                self.assertEqual(
                    wrong.count, 0, "%d of %d stacks contradict the truth:\n%s" % (wrong.count, held.count, wrong.describe(4))
                )

    def test_current_lines_at_the_points(self):
        for run in record_each(interpreters(), "truth.py", SECONDS, 2, options=["--lines"], batch=4):
            with self.subTest(python=run.interpreter.name):
                known = [point["stack"] for point in run.report["points"]]
                held = run.stacks.having("hold").where(lambda stack: stack.names[-1] == "hold")
                self.assert_enough(held, 100)
                wrong = held.where(
                    lambda stack: not any(self.agrees(stack, truth, run, current_lines=True) for truth in known)
                )
                self.assertEqual(
                    wrong.count, 0, "%d of %d stacks contradict the truth:\n%s" % (wrong.count, held.count, wrong.describe(4))
                )

    @staticmethod
    def agrees(stack, truth, run, current_lines=False):
        frames = stack.python
        if len(frames) != len(truth):
            return False
        for frame, (function, path, first_line, low, high) in zip(frames, truth):
            if not same_function(frame.function, function, run.interpreter.minor):
                return False
            if os.path.basename(frame.file) != path:
                return False
            if current_lines and not low <= frame.line <= high:
                return False
            if not current_lines and frame.line != first_line:
                return False
        return True


if __name__ == "__main__":
    unittest.main()
