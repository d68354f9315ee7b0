# SPDX-License-Identifier: Apache-2.0
"""The mixed stack, frame for frame: Python and native frames of extension modules whose calls are known (tests/extensions).

The interpreter's own frames are folded, as by default, so that what is left is the same under every version.
"""
import shutil
import unittest

import extensions
from harness import RootTestCase, interpreters, record_each
from stacks import last_part

SECONDS = 2
ENOUGH = 3
# Stacks may end early, which is counted, as long as the table of a module that was just mapped is not built.
CUT_SHARE = 0.05

RELAY = ["frames.so relay", "frames.so relay_outer", "frames.so relay_middle", "frames.so relay_inner"]
SPIN = ["frames.so spin", "frames.so spin_outer", "frames.so spin_leaf"]
SPIN_RELEASED = ["frames.so spin_released", "frames.so spin_outer", "frames.so spin_leaf"]


def level(number):
    """Level<number>::up() and what is inlined into it."""
    up = "tower::Level<%d>::up(_object*)" % number
    if number == 0:
        return ["tower.so " + up]
    function = up + "::{lambda()#1}"
    return [
        "tower.so " + up,
        "tower.so auto tower::applied<%s>(%s&&)" % (function, function),
        "tower.so %s::operator()() const" % function,
    ]


CLIMB = ["tower.so tower::climb(_object*, _object*)"] + level(3) + level(2) + level(1) + level(0)
MIX = "tower.so tower::Mixer<int, tower::Level<2> >::Inner<unsigned long>::operator()(unsigned long) const"

# From the function below main() to the leaf: a Python function, or MODULE FUNCTION.
WAYS = {
    "by_c": ["by_c"] + RELAY + ["spin_in_c"] + SPIN,
    "by_nesting": ["by_nesting"] + RELAY + ["nested_outer"] + CLIMB + ["nested_inner"] + RELAY + ["spin_in_c"] + SPIN,
    "by_cpp": ["by_cpp"] + CLIMB + ["spin_in_cpp", "tower.so tower::spin(_object*, _object*)", MIX],
    # Between the call of the C library and the handler is its raise(), whose functions differ, and the signal frame.
    "by_signal": ["by_signal", "frames.so spin_on_signal", "frames.so raise_outer", "libc", "frames.so on_signal"] + SPIN[1:],
    "by_python_signal": ["by_python_signal", "on_python_signal", "handler_work"] + SPIN,
}
THREADS = {"hold": ["run", "hold"] + SPIN, "release": ["run", "release"] + SPIN_RELEASED}
CYTHON = "cython_frames.so "
CYTHON_WAY = ["by_cython", CYTHON + "__pyx_pw_13cython_frames_1relay", CYTHON + "__pyx_pf_13cython_frames_relay"]
CYTHON_WAY += [CYTHON + "__pyx_f_13cython_frames_outer", CYTHON + "__pyx_f_13cython_frames_inner", "spin_in_cython"]
CYTHON_WAY += [CYTHON + "__pyx_pw_13cython_frames_3spin", CYTHON + "__pyx_pf_13cython_frames_2spin"]
CYTHON_WAY += [CYTHON + "__pyx_f_13cython_frames_leaf"]


def is_c_library(frame):
    return frame.kind == "native" and frame.module.startswith(("libc.", "libc-", "libpthread"))


def described(stack):
    """The frames root first, without kernel frames at the leaf; what follows each other in the C library is one."""
    names = []
    for frame in stack.frames:
        if frame.kind == "kernel":
            break
        name = last_part(frame.function) if frame.kind == "python" else "%s %s" % (frame.module, frame.function)
        if is_c_library(frame):
            name = "libc"
        elif frame.function.startswith("__Pyx_"):  # Cython's own helpers, which depend on the version of CPython
            continue
        if name != "libc" or names[-1:] != ["libc"]:
            names.append(name)
    return names


def main_stacks(stacks):
    return stacks.where(lambda stack: stack.has("<module>", "main") and not stack.has("warm_up"))


def below(stack, function):
    """The frames from a Python function on."""
    names = described(stack)
    return names[names.index(function) :] if function in names else []


class Extensions(RootTestCase):
    def assert_frames(self, stacks, first, expected):
        """Of the stacks that have `first`, those that spin have exactly the expected frames from there on."""
        spinning = stacks.where(lambda stack: described(stack)[-1] == expected[-1] and first in described(stack))
        right = spinning.where(lambda stack: below(stack, first) == expected)
        self.assert_enough(right, ENOUGH, "%s; of all:\n%s" % (first, stacks.describe(5)))
        rest = spinning.where(lambda stack: below(stack, first) != expected)
        # A stack that ended early has the leaf side of the expected native frames, and all Python frames.
        python = [name for name in expected if " " not in name and name != "libc"]
        wrong = rest.where(lambda stack: [name for name in below(stack, first) if " " not in name and name != "libc"] != python)
        self.assertEqual(wrong.count, 0, "wrong:\n%s\nexpected: %s" % (wrong.describe(5), expected))
        self.assertLessEqual(rest.count, 2 + CUT_SHARE * spinning.count, "cut:\n%s\nexpected: %s" % (rest.describe(5), expected))

    def test_order_of_c_and_cpp_frames(self):
        found = tuple(interpreters())
        self.assertTrue(found, "no interpreter found")
        for run in record_each(found, "extension_calls.py", SECONDS, extensions.c_modules(found)):
            with self.subTest(python=run.interpreter.name):
                self.assertEqual(sorted(run.report["ways"]), sorted(WAYS))
                main = main_stacks(run.stacks)
                for way, frames in WAYS.items():
                    self.assert_frames(main, way, frames)
                for function, frames in THREADS.items():
                    self.assert_frames(run.stacks.having(function), "run", frames)
                self.assert_nothing_lost(run.recording)

    def test_order_of_cython_frames(self):
        """Debian 12's Cython makes code for CPython up to 3.11."""
        self.assertTrue(shutil.which("cython3"), "cython3 is missing: tools/install-packages test")
        for interpreter in interpreters():
            if interpreter.minor >= (3, 12) or not extensions.headers(interpreter):
                continue
            folder = extensions.cython_module(interpreter)
            for run in record_each([interpreter], "extension_calls.py", SECONDS, folder):
                with self.subTest(python=interpreter.name):
                    self.assertEqual(run.report["ways"], ["by_cython"])
                    self.assert_frames(main_stacks(run.stacks), "by_cython", CYTHON_WAY)


if __name__ == "__main__":
    unittest.main()
