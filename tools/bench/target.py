# SPDX-License-Identifier: Apache-2.0
"""target.py calls|sorted DEPTH COPY_BYTES: a Python program that works below a stack of a known shape.

calls   DEPTH Python frames in all, <module> and the leaf included
sorted  DEPTH levels of sorted(key=function): each adds native frames between two Python frames

Answers lines "measure SECONDS" (of CPU time of the thread) with a line "LOOPS CPU_SECONDS". One loop is a fixed amount of work: 1,000
calls and some arithmetic, or, if COPY_BYTES is not 0, one copy of that many bytes, which empties the CPU's caches.
"""
import sys
from time import CLOCK_THREAD_CPUTIME_ID, clock_gettime

CALLS_PER_LOOP = 1000
OTHER_FRAMES = 3  # <module>, answer, work


def step(number):
    return number * number & 1023


def work():
    total = 0
    for number in range(CALLS_PER_LOOP):
        total += step(number)
        total ^= number
    return total


def copy(source, destination):
    destination[:] = source


def answer(copy_bytes):
    source, destination = bytes(copy_bytes), bytearray(copy_bytes)
    print("ready", flush=True)
    for line in sys.stdin:
        seconds = float(line.split()[1])
        loops = 0
        start = now = clock_gettime(CLOCK_THREAD_CPUTIME_ID)
        while now - start < seconds:
            if copy_bytes:
                copy(source, destination)
            else:
                work()
            loops += 1
            now = clock_gettime(CLOCK_THREAD_CPUTIME_ID)
        print(loops, now - start, flush=True)


def calls(remaining, copy_bytes):
    if remaining:
        calls(remaining - 1, copy_bytes)
    else:
        answer(copy_bytes)


def nested(remaining, copy_bytes):
    if remaining:
        sorted([remaining - 1], key=lambda next_level: nested(next_level, copy_bytes) or 0)
    else:
        answer(copy_bytes)


shape, depth, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sys.setrecursionlimit(10 * depth + 1000)
if shape == "sorted":
    nested(depth, size)
elif depth <= OTHER_FRAMES:
    answer(size)
else:
    calls(depth - OTHER_FRAMES - 1, size)
