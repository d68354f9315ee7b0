# SPDX-License-Identifier: Apache-2.0
"""generators.py SECONDS: consume() pulls from squares(), which pulls from numbers(); then a recursive generator over a tree.

A running generator's caller is who resumed it, so the stack reads consume, squares, numbers, produce.
"""
from common import clock, ready, seconds_argument


def produce(value):
    for _ in range(2000):
        value ^= 1
    return value


def numbers(count):
    for value in range(count):
        yield produce(value)


def squares(values):
    for value in values:
        yield value * value


def consume(values):
    return sum(value for value in values)


def visit(value):
    for _ in range(2000):
        value ^= 1
    return value


def tree(depth):
    """Yields from the leaves of a binary tree: depth + 1 generators are active in a leaf."""
    if depth == 0:
        yield visit(depth)
        return
    for value in tree(depth - 1):
        yield value
    for value in tree(depth - 1):
        yield value


def walk(depth):
    for _ in tree(depth):
        pass


def main():
    ready()
    end = clock() + seconds_argument()
    while clock() < end:
        consume(squares(numbers(50)))
        walk(5)


if __name__ == "__main__":
    main()
