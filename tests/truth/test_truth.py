#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A short version of tools/bench/accuracy: the same programs and comparisons, with bounds.

usage: test_truth.py [TestClass[.test]]
Exit status: 0 passed, 1 failed, 77 nothing could run.
"""
import sys
import unittest

import rig
from harness import IN_CI, RootTestCase, interpreters, one_interpreter, record

SECONDS = 4
SHORT_RUNS = 200 if IN_CI else 400
NOTHING_RAN = 77


class Truth(RootTestCase):
    def test_shares(self):
        for frequency in (99, 997):
            for row in rig.measure_shares(interpreters(), frequency, SECONDS, batch=4):
                with self.subTest(python=row.interpreter.name, frequency=frequency):
                    self.assertGreater(row.samples, 20)
                    self.assertLessEqual(row.distance, row.bound, "%d samples" % row.samples)

    def test_stacks(self):
        for row in rig.measure_points(interpreters(), 997, SECONDS, batch=4):
            with self.subTest(python=row.interpreter.name):
                self.assertGreater(row.held, 50)
                self.assertEqual(row.contradicting, 0, "of %d" % row.held)
                self.assertEqual(row.unmarked, 0, "of %d" % row.samples)
                self.assertGreaterEqual(row.complete, 0.999 * row.samples - 1)


class ShortLives(RootTestCase):
    def test_stacks_of_short_lives(self):
        for parallel in (1, 4):
            with self.subTest(parallel=parallel):
                found = rig.measure_short_lives(interpreters(), SHORT_RUNS // 2, parallel, 997)
                self.assertEqual(found.recording.status, 0, found.recording.stderr)
                self.assert_nothing_lost(found.recording)
                self.assertEqual(found.seen, found.runs, "processes with named samples")
                self.assertEqual(found.incomplete, 0)
                # Ticks are counted by the CPU clock, on which each program measures its 50 ms: one tick more or less each.
                self.assertGreaterEqual(found.named, 0.99 * found.expected - found.runs)


class ReusedAddresses(RootTestCase):
    """A generation of exec_names.py lives 30 ms: a name that stayed too long has more samples than that."""

    LIFE_SAMPLES = 0.030 * 997 * 1.2 + 4
    # Code that looks as if it lasted is checked in so many samples of a process once (bpf/code_objects.bpf.h). Processes that
    # share a counter see each other's.
    SAMPLES_PER_CHECK = 2 * 16

    def check_generations(self, file_name, most_samples):
        for run in rig.record_each(interpreters(), "exec_names.py", SECONDS, file_name, batch=4):
            with self.subTest(python=run.interpreter.name):
                self.assertGreater(run.report["reused"], 0)
                counts = {}
                for stack in run.stacks:
                    for frame in stack.python:
                        if frame.function.startswith("generation_"):
                            number = int(frame.function[len("generation_") :])
                            self.assertEqual((frame.file, frame.line), (file_name % number, number + 1))
                            counts[number] = counts.get(number, 0) + stack.count
                self.assertGreater(len(counts), 10)
                self.assertLess(max(counts), run.report["generations"])
                self.assertLessEqual(max(counts.values()), most_samples)

    def test_no_generated_function_gets_the_samples_of_its_successor(self):
        self.check_generations("<generated-%d>", self.LIFE_SAMPLES)

    def test_a_function_of_a_file_that_was_replaced_is_noticed(self):
        self.check_generations("/made/up/%d.py", self.LIFE_SAMPLES + self.SAMPLES_PER_CHECK)


class Accounting(RootTestCase):
    def buckets(self, recording):
        return {
            name: entry["value"] for name, entry in recording.document["statistics"].items() if name.startswith("bucket_")
        }

    def test_every_tick_is_in_one_bucket(self):
        python = one_interpreter()
        for options, command in (
            (["-a", "-d", 2], None),
            ([], python.command("deep_recursion.py", 1, 3000)),
            (["--native=none"], python.command("truth.py", 1)),
        ):
            with self.subTest(options=options):
                recording = record("-F", 997, *options, command=command)
                buckets = self.buckets(recording)
                self.assertEqual(len(buckets), 10, buckets)
                received = recording.statistic("ticks_received") + recording.statistic("ticks_missed")
                self.assertEqual(sum(buckets.values()), received, buckets)
                self.assertGreater(buckets["bucket_complete"] + buckets["bucket_truncated"], 0)
                if command:
                    self.assertGreater(buckets["bucket_filtered"], 0)

    def test_max_loss(self):
        """3,000 frames are more than a stack can have: most samples are truncated."""
        deep = one_interpreter().command("deep_recursion.py", 1, 3000)
        recording = record("-F", 997, "--max-loss", 50, command=deep)
        self.assertGreater(self.buckets(recording)["bucket_truncated"], 100)
        self.assert_status(recording, 5)
        self.assertIn("--max-loss allows", recording.stderr)
        shallow = one_interpreter().command("deep_recursion.py", 1, 100)
        self.assert_status(record("-F", 997, "--max-loss", 50, command=shallow), 0)
        self.assert_status(record("-F", 997, "--max-loss", 0, command=["sh", "-c", "exit 3"]), 3)
        self.assert_status(record("-F", 997, "--max-loss", 101, command=["true"]), 2)


def main():
    result = unittest.main(exit=False, verbosity=2).result
    if not result.wasSuccessful() or (result.skipped and IN_CI):
        return 1
    return NOTHING_RAN if result.testsRun in (0, len(result.skipped)) else 0


if __name__ == "__main__":
    sys.exit(main())
