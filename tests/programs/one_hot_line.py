# SPDX-License-Identifier: Apache-2.0
"""one_hot_line.py SECONDS: the line marked HOT takes nearly all the time."""
from common import clock, ready, seconds_argument


def hot(end):
    numbers = list(range(20000))
    total = 0
    while clock() < end:
        total += 1
        total -= 2
        total += sum(numbers)  # HOT
        total *= 3
        total //= 7
    return total


def main():
    ready()
    hot(clock() + seconds_argument())


if __name__ == "__main__":
    main()
