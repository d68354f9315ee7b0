# SPDX-License-Identifier: Apache-2.0
"""extension_calls.py SECONDS FOLDER: Python and native frames in turn, in the modules of tests/extensions, which are in FOLDER.

Each way calls what it is named after; the expected frames are in tests/runtime/test_extensions.py.
"""
import os
import signal
import sys
import threading

from common import clock, ready, report, seconds_argument

FOLDER = sys.argv[2]
sys.path.insert(0, FOLDER)
sys.path.insert(0, os.path.join(FOLDER, "py%d" % sys.version_info[0]))
try:
    import cython_frames
except ImportError:
    cython_frames = None
try:
    import frames
    import tower
except ImportError:
    frames = tower = None

LOOPS = 100000
LEAST_ROUNDS = 300  # of each thread, some 50 ms: with the GIL of 2.7 one may wait until the time is over


def spin_in_c():
    frames.spin(LOOPS)


def by_c():
    frames.relay(spin_in_c)


def nested_inner():
    frames.relay(spin_in_c)


def nested_outer():
    tower.climb(nested_inner)


def by_nesting():
    frames.relay(nested_outer)


def spin_in_cpp():
    tower.spin(LOOPS)


def by_cpp():
    tower.climb(spin_in_cpp)


def by_signal():
    frames.spin_on_signal(LOOPS)


def spin_in_cython():
    cython_frames.spin(LOOPS)


def by_cython():
    cython_frames.relay(spin_in_cython)


def handler_work():
    frames.spin(LOOPS)


def on_python_signal(number, frame):
    handler_work()


def by_python_signal():
    signal.signal(signal.SIGUSR2, on_python_signal)
    os.kill(os.getpid(), signal.SIGUSR2)


def hold(end):
    rounds = 0
    while clock() < end or rounds < LEAST_ROUNDS:
        frames.spin(LOOPS)
        rounds += 1


def release(end):
    rounds = 0
    while clock() < end or rounds < LEAST_ROUNDS:
        frames.spin_released(LOOPS)
        for _ in range(1000):  # with the GIL: a sample in here makes a thread of 2.7 known at once
            pass
        rounds += 1


def start_threads(end):
    threads = [threading.Thread(target=target, args=(end,)) for target in (hold, release, release)]
    for thread in threads:
        thread.start()
    return threads


def warm_up(ways):
    """The profiler learns of the modules when they are mapped, and compiles what it needs to unwind them meanwhile."""
    end = clock() + 0.3
    while clock() < end:
        for way in ways:
            way()


def main():
    ways = []
    if frames:
        ways += [by_c, by_nesting, by_cpp, by_signal, by_python_signal]
    if cython_frames:
        ways.append(by_cython)
    warm_up(ways)
    ready()
    end = clock() + seconds_argument()
    while clock() < end:
        for way in ways:
            way()
    if frames:
        for thread in start_threads(clock() + seconds_argument()):
            thread.join()
    report({"ways": [way.__name__ for way in ways]})


if __name__ == "__main__":
    main()
