# SPDX-License-Identifier: Apache-2.0
"""truth.py SECONDS [SEED]: takes random ways down through different kinds of calls; at the end of each it stays in hold().

There it writes down its own stack. A recorded point is true for the whole time from "start" to "end" (seconds of the monotonic
clock): no frame but the leaf's current line changes meanwhile, so every sample of that time has to show exactly this stack.
A stack is a list of [function, file, first line, lowest and highest line it can be on], root first.

The last line of the output is {"points": [...], "hold_cpu_seconds": CPU time spent at the points}.
"""
import os
import random
import sys

from common import clock, int_argument, ready, report, seconds_argument, thread_cpu_clock

MAX_DEPTH = 12
HOLD_SECONDS = 0.02
HOLD_LINES = 10  # from the def of hold() to its last line


def own_stack(frame, leaf_lines):
    """The stack below and including `frame`; only the leaf's line moves, within leaf_lines."""
    stack = []
    low, high = leaf_lines
    while frame is not None:
        code = frame.f_code
        name = getattr(code, "co_qualname", code.co_name)
        stack.append([name, os.path.basename(code.co_filename), code.co_firstlineno, low, high])
        frame = frame.f_back
        if frame is not None:
            low = high = frame.f_lineno
    stack.reverse()
    return stack


def hold(way):
    here = sys._getframe()
    first_line = here.f_code.co_firstlineno
    stack = own_stack(here, (first_line, first_line + HOLD_LINES))
    cpu_before = thread_cpu_clock()
    start = now = clock()
    end = start + HOLD_SECONDS
    while now < end:
        now = clock()
    way.points.append({"start": start, "end": now, "stack": stack})
    way.hold_cpu_seconds += thread_cpu_clock() - cpu_before


def plain(way):
    way.next()


def several_lines(way):
    return max(
        0,
        1 if way.next() else 0,
        2,
    )


def in_try(way):
    try:
        return way.next()
    finally:
        way.unwound += 1


def in_handler(way):
    try:
        raise KeyError("expected")
    except KeyError:
        return way.next()


def in_lambda(way):
    return (lambda: way.next())()


def in_generator(way):
    def generator():
        yield way.next()

    for _ in generator():
        pass


def in_generator_expression(way):
    return list(way.next() for _ in range(1))


def in_sort(way):
    return sorted([0], key=lambda _: way.next())


def in_map(way):
    return list(map(way.next_of, [0]))


class Caller(object):
    def __init__(self, way):
        way.next()


def in_constructor(way):
    Caller(way)


def in_exec(way):
    exec(compile("\n\nway.next()\n", "<exec>", "exec"), {"way": way})


KINDS = [
    plain,
    several_lines,
    in_try,
    in_handler,
    in_lambda,
    in_generator,
    in_generator_expression,
    in_sort,
    in_map,
    in_constructor,
    in_exec,
]


class Way(object):
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.remaining = 0
        self.unwound = 0
        self.points = []
        self.hold_cpu_seconds = 0.0

    def next(self):
        if self.remaining == 0:
            return hold(self)
        self.remaining -= 1
        return self.random.choice(KINDS)(self)

    def next_of(self, _):
        return self.next()

    def go(self):
        self.remaining = self.random.randint(1, MAX_DEPTH)
        self.next()


def main():
    way = Way(int_argument(2, 1))
    ready()
    end = clock() + seconds_argument()
    while clock() < end:
        way.go()
    report({"points": way.points, "hold_cpu_seconds": way.hold_cpu_seconds})


if __name__ == "__main__":
    main()
