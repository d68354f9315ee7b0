# SPDX-License-Identifier: Apache-2.0
"""What every test program needs: arguments, clocks and the signal that the busy phase begins.

All programs run under CPython 2.7 and 3.6 to 3.15 (a program that needs more says so). Their first argument is how long
the busy phase lasts, in seconds; they print "ready" before it and exit with 0.
"""
import gc
import json
import os
import sys
import time

clock = getattr(time, "monotonic", time.time)

if hasattr(time, "clock_gettime"):

    def thread_cpu_clock():
        """CPU time of the calling thread, seconds."""
        return time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID)

else:  # 2.7. getrusage() has the time too, but in steps of the kernel's timer tick.
    import ctypes

    CLOCK_THREAD_CPUTIME_ID = 3  # include/uapi/linux/time.h

    class Timespec(ctypes.Structure):
        _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]

    clock_gettime = ctypes.CDLL(None).clock_gettime

    def thread_cpu_clock():
        """CPU time of the calling thread, seconds."""
        now = Timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, ctypes.byref(now))
        return now.seconds + now.nanoseconds * 1e-9


def seconds_argument(default=1.0):
    return float(sys.argv[1]) if len(sys.argv) > 1 else default


def int_argument(index, default):
    return int(sys.argv[index]) if len(sys.argv) > index else default


def say(text):
    """One line in one write: lines of several processes do not mix."""
    sys.stdout.flush()
    os.write(1, (text + "\n").encode("ascii"))


def ready():
    say("ready")


def run_generations(run):
    """Calls run(number), which makes code, runs it and returns its address, until the time is over; reports how often an address
    came back."""
    ready()
    end = clock() + seconds_argument()
    addresses = []
    while clock() < end:
        addresses.append(run(len(addresses)))
        gc.collect()
    report({"generations": len(addresses), "reused": len(addresses) - len(set(addresses))})


def report(facts):
    """The last line of a program that measures itself: one JSON object."""
    say(json.dumps(facts, sort_keys=True))
