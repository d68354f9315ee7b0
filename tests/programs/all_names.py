# SPDX-License-Identifier: Apache-2.0
"""all_names.py SECONDS: works in functions of every kind of name that Python makes up, in two threads.

<module>, a lambda, a function in a function, a generator expression, a recursive function; each has a share of the CPU time.
"""
import threading

from common import clock, ready, seconds_argument


def spin(count):
    total = 0
    for i in range(count):
        total += i * i
    return total


class Outer:
    def method(self):
        def inner(count):
            total = 0
            for i in range(count):
                total += i
            return total

        return inner(20000)


square_sums = lambda count: sum([i * i for i in range(count)])  # noqa: E731


def recursive(depth):
    return spin(3000) + recursive(depth - 1) if depth else 0


def in_thread(end):
    while clock() < end:
        recursive(5)


def main():
    outer = Outer()
    end = clock() + seconds_argument()
    thread = threading.Thread(target=in_thread, args=(end,))
    thread.start()
    while clock() < end:
        outer.method()
        square_sums(20000)
        sum(i for i in range(20000))
        recursive(5)
    thread.join()


ready()
main()
