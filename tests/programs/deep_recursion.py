# SPDX-License-Identifier: Apache-2.0
"""deep_recursion.py SECONDS DEPTH: a stack of exactly DEPTH Python frames (default 1,024), nearly all the time in its leaf.

<module>, main, step_0, step_1, step_2, step_3, step_0, ..., leaf: a missing or misplaced frame breaks the cycle.
"""
import sys

from common import clock, int_argument, ready, seconds_argument

OTHER_FRAMES = 3  # <module>, main, leaf


def leaf(end):
    while clock() < end:
        pass


def step_0(remaining, end):
    if remaining:
        step_1(remaining - 1, end)
    else:
        leaf(end)


def step_1(remaining, end):
    if remaining:
        step_2(remaining - 1, end)
    else:
        leaf(end)


def step_2(remaining, end):
    if remaining:
        step_3(remaining - 1, end)
    else:
        leaf(end)


def step_3(remaining, end):
    if remaining:
        step_0(remaining - 1, end)
    else:
        leaf(end)


def main():
    depth = int_argument(2, 1024)
    sys.setrecursionlimit(depth + 200)
    ready()
    step_0(depth - OTHER_FRAMES - 1, clock() + seconds_argument())


if __name__ == "__main__":
    main()
