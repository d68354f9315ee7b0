# SPDX-License-Identifier: Apache-2.0
"""greenlets.py SECONDS: three greenlets take turns, each some functions deep; a greenlet's Python stack begins with its run().

Needs greenlet.
"""
import greenlet

from common import clock, ready, report, seconds_argument


def spin(count):
    total = 0
    for number in range(count):
        total += number & 3
    return total


def step(depth, turns):
    if depth:
        step(depth - 1, turns)
    else:
        for _ in range(turns):
            spin(2000)
            greenlet.getcurrent().parent.switch()


def run_shallow():
    step(1, 50)


def run_deep():
    step(20, 50)


def main():
    ready()
    end = clock() + seconds_argument()
    while clock() < end:
        running = [greenlet.greenlet(run_shallow), greenlet.greenlet(run_deep)]
        while running:
            for one in running:
                one.switch()
                spin(500)
            running = [one for one in running if not one.dead]
    report({})


if __name__ == "__main__":
    main()
