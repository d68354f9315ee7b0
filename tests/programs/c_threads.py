# SPDX-License-Identifier: Apache-2.0
"""c_threads.py SECONDS: (of CPU time) a thread that C code creates (pthread_create) calls Python, with and without holding the GIL.

Its Python stack begins with the callback. Needs ctypes.
"""
import ctypes
import zlib

from common import ready, report, seconds_argument, thread_cpu_clock

START = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
DATA = b"The quick brown fox jumps over the lazy dog. " * 20000


def holds_the_gil(end):
    while thread_cpu_clock() < end:
        pass


def releases_the_gil(end):
    while thread_cpu_clock() < end:
        zlib.compress(DATA, 9)


def in_c_thread(_):
    now, seconds = thread_cpu_clock(), seconds_argument()
    holds_the_gil(now + seconds / 2)
    releases_the_gil(now + seconds)
    return 0


def main():
    libc = ctypes.CDLL(None)
    thread, start = ctypes.c_ulong(), START(in_c_thread)
    ready()
    if libc.pthread_create(ctypes.byref(thread), None, start, None) != 0:
        raise OSError("pthread_create failed")
    libc.pthread_join(thread, None)
    report({})


if __name__ == "__main__":
    main()
