# SPDX-License-Identifier: Apache-2.0
"""Native frames against gdb's backtrace of the same process, which stays at one place (tests/programs/spin_forever.py)."""
import json
import os
import subprocess
import unittest

import extensions
from harness import HANG_SECONDS, TESTS, Profiler, RootTestCase, interpreters, start

SCRIPT = os.path.join(TESTS, "support", "gdb_frames.py")
WAYS = ["by_nesting", "by_signal", "by_ctypes"]
DEBIAN_WAYS = WAYS + ["by_sqlite", "by_sort", "by_numpy", "by_lxml"]
ENOUGH = 30
# The first samples may come before the tables of the process's files are there: their stacks end early, which is counted.
WHOLE_SHARE = 0.9


def gdb_frames(pid):
    """[(function or None, module)], root first, as gdb sees them."""
    command = ["gdb", "-batch", "-nx", "-iex", "set debuginfod enabled off", "-iex", "set backtrace past-main on", "-p", str(pid), "-x", SCRIPT]
    output = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=HANG_SECONDS, check=True
    )
    lines = [line for line in output.stdout.splitlines() if line.startswith("frames: ")]
    if not lines:
        raise AssertionError("gdb printed no frames:\n%s%s" % (output.stdout, output.stderr))
    return [tuple(frame) for frame in reversed(json.loads(lines[0][len("frames: ") :]))]


def our_frames(pid):
    """The same of the most frequent stack, and how many of the stacks have these native frames."""
    with Profiler("-p", pid, "--native=all", "-F", 499, "-d", 1) as profiler:
        recording = profiler.finish()
    found = {}
    for stack in recording.stacks:
        frames = tuple((frame.function, frame.module) for frame in stack.frames if frame.kind == "native")
        found[frames] = found.get(frames, 0) + stack.count
    most = max(found, key=found.get)
    return list(most), found[most], recording


def is_named(function):
    return function is not None and not function.startswith("[unknown")


def same_function(ours, theirs):
    """gdb leaves return types out, and the parameters of functions that are no templates."""
    ours = ours[len("auto ") :] if ours.startswith("auto ") else ours
    return ours == theirs or ours.startswith(theirs + "(")


def differences(ours, theirs):
    """Texts. A function without a symbol has no name here, and in gdb that of a symbol before it."""
    found = []
    if len(ours) != len(theirs):
        found.append("%d frames, gdb has %d" % (len(ours), len(theirs)))
    for index, ((our_name, our_module), (their_name, their_module)) in enumerate(zip(ours, theirs)):
        if their_name == "<signal>":
            if our_name != "__restore_rt" and is_named(our_name):
                found.append("frame %d: %s instead of the signal frame" % (index, our_name))
            continue
        if our_module != their_module:
            found.append("frame %d: module %s, gdb %s" % (index, our_module, their_module))
        if is_named(our_name) and is_named(their_name) and not same_function(our_name, their_name):
            found.append("frame %d: %s, gdb %s" % (index, our_name, their_name))
    return found


class AgainstGdb(RootTestCase):
    def compare(self, interpreter, way, folder):
        with self.subTest(python=interpreter.name, way=way), start(interpreter, "spin_forever.py", folder, way) as target:
            ours, count, recording = our_frames(target.pid)
            theirs = gdb_frames(target.pid)
            text = "\n".join(map(str, differences(ours, theirs)))
            self.assertFalse(text, text + "\nours:\n%s\ngdb:\n%s" % ("\n".join(map(str, ours)), "\n".join(map(str, theirs))))
            self.assertGreaterEqual(count, ENOUGH)
            self.assertGreaterEqual(count, WHOLE_SHARE * recording.stacks.count, recording.stacks.describe(5))
            named = sum(1 for name, _ in ours if is_named(name))
            print("%s, %s: %d frames as gdb's, %d named" % (interpreter.name, way, len(ours), named))

    def test_native_frames_equal_the_backtrace(self):
        """Of interpreters whose files gdb can open by the paths that the process has: those that are in no other root."""
        found = tuple(one for one in interpreters() if one.root is None)
        self.assertTrue(found, "no interpreter found")
        folder = extensions.c_modules(found)
        for interpreter in found:
            for way in DEBIAN_WAYS if interpreter.path.startswith("/usr/bin/") else WAYS:
                self.compare(interpreter, way, folder)


if __name__ == "__main__":
    unittest.main()
