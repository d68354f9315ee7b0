# SPDX-License-Identifier: Apache-2.0
"""mixed_shares.py SECONDS [SEED]: for so long by its CPU clock, functions whose true shares of the CPU time the program measures itself.

mix() calls one of four functions after the other, in bursts of random length and order (a fixed rhythm could beat with
the sampling clock), reads the CPU clock of the thread before and after each burst and reports each function's share of the
time spent in mix(). What is between two bursts is no function's.
"""
import random
import zlib

from common import int_argument, ready, report, seconds_argument, thread_cpu_clock

DATA = b"The quick brown fox jumps over the lazy dog. " * 200


def heavy(count):
    total = 0
    for i in range(count):
        total += i * i
    return total


def medium(count):
    text = ""
    for i in range(count):
        text = "%s%d" % (text[:10], i)
    return text


def light(count):
    values = {}
    for i in range(count):
        values[i & 255] = i
    return values


def native(count):
    """Nothing that allocates: while the kernel (or what it runs on) provides memory, a machine may not tick."""
    for _ in range(count >> 5):
        zlib.crc32(DATA)


#           function, weight in the random choice
CHOICES = [heavy] * 6 + [medium] * 2 + [light] * 2 + [native] * 2


def mix(seconds, choice, length):
    cpu_seconds = dict((function.__name__, 0.0) for function in CHOICES)
    begin = before = thread_cpu_clock()
    while before - begin < seconds:
        function, count = choice(CHOICES), length(2000, 20000)
        before = thread_cpu_clock()
        function(count)
        cpu_seconds[function.__name__] += thread_cpu_clock() - before
    return cpu_seconds, thread_cpu_clock() - begin


def main():
    generator = random.Random(int_argument(2, 1))
    ready()
    cpu_seconds, total = mix(seconds_argument(), generator.choice, generator.randint)
    shares = dict((name, seconds / total) for name, seconds in cpu_seconds.items())
    report({"cpu_seconds": total, "shares": shares})


if __name__ == "__main__":
    main()
