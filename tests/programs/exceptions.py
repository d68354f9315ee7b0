# SPDX-License-Identifier: Apache-2.0
"""Works inside an except block, while an exception flies, and outside of both. Python 2.7 to 3.15. usage: exceptions.py SECONDS"""
import json
import sys
import time

CLOCK = getattr(time, "perf_counter", time.time)


def spin():
    for _ in range(20000):
        pass


def work_without():
    spin()


def handle():
    spin()


def attempt(number):
    """Of its own: in Python 2 an exception counts as handled until the function returns."""
    try:
        raise ValueError(number)
    except ValueError:
        handle()


def main():
    end = CLOCK() + float(sys.argv[1])
    rounds = 0
    print("ready")
    sys.stdout.flush()
    while CLOCK() < end:
        work_without()
        attempt(rounds)
        rounds += 1
    print(json.dumps({"rounds": rounds}))


main()
