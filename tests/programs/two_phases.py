# SPDX-License-Identifier: Apache-2.0
"""two_phases.py EARLY LATE: CPU seconds in early(), then the system call sync, then CPU seconds in late(), then the line "late is
over", and the same function again until it is killed."""
import ctypes
import sys

from common import clock, ready


def spin(end):
    while clock() < end:
        pass


def early(seconds):
    spin(clock() + seconds)


def late(seconds):
    spin(clock() + seconds)


def main():
    ready()
    early(float(sys.argv[1]))
    ctypes.CDLL(None).sync()
    late(float(sys.argv[2]))
    print("late is over", flush=True)
    while True:
        late(1)


if __name__ == "__main__":
    main()
