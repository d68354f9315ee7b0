# SPDX-License-Identifier: Apache-2.0
"""The tests' own tools: a parser or a bound that accepts everything would make every other test pass. Needs no root."""
import unittest

from stacks import Stacks, matches, parse_frame, same_function, share_bound


class Parsing(unittest.TestCase):
    def test_kinds_of_frames(self):
        python = parse_frame("Way.next (/tmp/a b/truth.py:135)")
        self.assertEqual(python[:4], ("python", "Way.next", "/tmp/a b/truth.py", 135))
        native = parse_frame("qsort (libc.so.6)")
        self.assertEqual((native.kind, native.function, native.module), ("native", "qsort", "libc.so.6"))
        for text in ("vfs_write_[k]", "vfs_write ([kernel])_[k]"):
            self.assertEqual(parse_frame(text)[:2], ("kernel", "vfs_write"))
        self.assertEqual(parse_frame("[truncated: 12 frames]").kind, "marker")
        self.assertEqual(parse_frame("[unknown: no symbol] (libx.so)")[:2], ("native", "[unknown: no symbol]"))
        self.assertEqual(parse_frame("[unknown: not mapped]").kind, "native")

    def test_escaped_separators_are_read_back(self):
        self.assertEqual(parse_frame("a\\x3bb (c\\x5cd.py:1)")[1:3], ("a;b", "c\\d.py"))

    def test_process_and_thread_roots(self):
        stacks = Stacks.parse("python3 (pid 7);worker (tid 9);run (t.py:3);deflate (libz.so) 5\nsh (pid 8) 2\n")
        first, second = stacks
        self.assertEqual((first.pid, first.tid, first.thread_name, first.names, first.count), (7, 9, "worker", ["run"], 5))
        self.assertEqual((second.pid, second.frames, second.count), (8, [], 2))
        self.assertEqual(stacks.count, 7)
        self.assertEqual(stacks.of_pid(7).count, 5)

    def test_subsequence_respects_the_order(self):
        (stack,) = Stacks.parse("a (x.py:1);b (x.py:2);c (x.py:3) 1")
        self.assertTrue(stack.has("a", "c"))
        self.assertFalse(stack.has("c", "a"))
        self.assertFalse(stack.has("a", "a"))

    def test_markers_are_counted(self):
        stacks = Stacks.parse("[truncated];a (x.py:1) 3\na (x.py:1) 4")
        self.assertEqual(stacks.markers(), {"[truncated]": 3})


class Matching(unittest.TestCase):
    def test_qualified_names_are_exact_where_the_version_has_them(self):
        self.assertTrue(same_function("A.f", "A.f", (3, 11)))
        self.assertFalse(same_function("f", "A.f", (3, 11)))
        self.assertTrue(same_function("f", "A.f", (3, 10)))
        self.assertFalse(same_function("g", "A.f", (3, 10)))

    def test_matches_takes_a_last_part_for_a_name(self):
        self.assertTrue(matches("run.<locals>.work", "work"))
        self.assertFalse(matches("A.f", "B.f"))
        self.assertFalse(matches("workers", "work"))


class Bounds(unittest.TestCase):
    def test_bound_shrinks_with_the_root_of_the_samples(self):
        self.assertAlmostEqual(share_bound(0.5, 100, sigmas=2), 0.1)
        self.assertAlmostEqual(share_bound(0.5, 10000, sigmas=2), 0.01)

    def test_bound_of_a_certain_share_is_a_few_samples(self):
        self.assertLess(share_bound(1.0, 1000), 0.006)
        self.assertGreater(share_bound(1.0, 1000), 0.001)

    def test_no_samples_prove_nothing_either_way(self):
        self.assertEqual(share_bound(0.3, 0), 1.0)


if __name__ == "__main__":
    unittest.main()
