# SPDX-License-Identifier: Apache-2.0
"""recursion.py SECONDS DEPTH: descend() is on the stack DEPTH times, leaf() above it."""
from common import clock, int_argument, ready, seconds_argument


def leaf(end):
    while clock() < end:
        pass


def descend(depth, end):
    if depth > 1:
        descend(depth - 1, end)
    else:
        leaf(end)


def main():
    depth = int_argument(2, 20)
    ready()
    descend(depth, clock() + seconds_argument())


if __name__ == "__main__":
    main()
