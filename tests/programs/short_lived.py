# SPDX-License-Identifier: Apache-2.0
"""short_lived.py [SECONDS]: works for 50 ms and is gone."""
from common import clock, ready, seconds_argument


def short_work(end):
    while clock() < end:
        pass


def main():
    ready()
    short_work(clock() + seconds_argument(0.05))


if __name__ == "__main__":
    main()
