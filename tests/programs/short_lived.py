# SPDX-License-Identifier: Apache-2.0
"""short_lived.py [SECONDS]: works for 50 ms of CPU time and is gone."""
from common import ready, seconds_argument, thread_cpu_clock


def short_work(end):
    while thread_cpu_clock() < end:
        pass


def main():
    ready()
    short_work(thread_cpu_clock() + seconds_argument(0.05))


if __name__ == "__main__":
    main()
