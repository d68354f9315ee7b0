# SPDX-License-Identifier: Apache-2.0
"""Events other than CPU time: who caused how many, and what is said of those that this machine has not.

Hits that are not sampled are stood for by weight: a sum of n samples of weight w deviates by w * sqrt(n). Few enough hits are all
sampled, and then counts are exact.
"""
import unittest

from harness import RootTestCase, one_interpreter, record, run_pyebpf, tracefs_mounted

# Few enough not to be thinned at this frequency.
COUNT, FREQUENCY_HZ = 500, 9973


def record_event(event, kind, count=COUNT, frequency=FREQUENCY_HZ):
    return record("-e", event, "-F", frequency, command=one_interpreter().command("events.py", kind, count))


class Events(RootTestCase):
    def assert_exact(self, event, kind):
        recording = record_event(event, kind)
        self.assert_status(recording, 0)
        self.assert_nothing_lost(recording)
        self.assertEqual(recording.statistic("events_thinned"), 0)
        self.assertEqual(recording.stacks.having("do_" + kind).count, COUNT, recording.stacks.describe())

    def test_uprobe_counts_calls(self):
        self.assert_exact("uprobe:libc:malloc", "malloc")

    def test_uretprobe_counts_returns(self):
        self.assert_exact("uretprobe:libc:malloc", "malloc")

    def test_usdt_counts_collections(self):
        self.assert_exact("usdt:%s:gc__start" % one_interpreter().path, "collect")

    def test_page_faults_are_where_memory_grows(self):
        pages = 20000
        recording = record_event("page-faults", "touch", pages)
        self.assert_status(recording, 0)
        touched = recording.stacks.having("do_touch").count
        # The kernel adapts the period: what is between two samples belongs to the second. 1 % of the pages are 200 faults.
        self.assertLess(abs(touched - pages), 0.05 * pages, recording.stacks.describe())

    def test_many_hits_are_thinned_and_the_sum_stays(self):
        calls = 30000
        recording = record_event("uprobe:libc:malloc", "malloc", calls, frequency=99)
        self.assertGreater(recording.statistic("events_thinned"), calls / 2)
        # Some 1,000 samples of about the same weight: a deviation of 3 %, five of them allowed.
        counted = recording.stacks.having("do_malloc").count
        self.assertLess(abs(counted - calls), 0.16 * calls, recording.stacks.describe())

    def test_tracepoint_counts_hits(self):
        with tracefs_mounted():
            self.assert_exact("tracepoint:syscalls:sys_enter_write", "write")


class List(RootTestCase):
    def test_lists_what_this_machine_has_and_why_not_the_rest(self):
        result = run_pyebpf("events")
        self.assertEqual(result.returncode, 0, result.stderr)
        for name in ["cpu-clock", "page-faults", "cycles", "uprobe:FILE:SYMBOL"]:
            self.assertRegex(result.stdout, "(?m)^%s " % name)

    def test_nothing_contains_the_text(self):
        result = run_pyebpf("events", "no such event")
        self.assertEqual(result.returncode, 2)
        self.assertIn("no event contains 'no such event'", result.stderr)

    def test_bad_events(self):
        for event, message in [
            ("page-fault", "did you mean page-faults"),
            ("zebra:x", "there is no kind of event 'zebra'"),
            ("uprobe:libc", "not complete"),
            ("uprobe:libc:mallok", "malloc"),
            ("uprobe:no-such-library:f", "no process runs"),
            ("usdt:python:no_such_probe", "no_such_probe"),
            ("usdt:libc:no_such_probe", "built without USDT probes"),
            ("usdt:/nowhere:x", "/nowhere"),
        ]:
            with self.subTest(event=event):
                result = run_pyebpf("record", "-a", "-d", "1", "-e", event)
                self.assertIn(result.returncode, (1, 2), result.stderr)
                self.assertIn(message, result.stderr)


if __name__ == "__main__":
    unittest.main()
