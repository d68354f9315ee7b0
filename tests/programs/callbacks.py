# SPDX-License-Identifier: Apache-2.0
"""callbacks.py SECONDS: C code between two Python functions: sorted(key=), map(), lru_cache, regular expressions, pickling, ctypes.

Each way in has its own caller (by_...) and callee (..._callback), and the callee spends the time in work().
"""
import re

from common import clock, ready, report, seconds_argument

try:
    import ctypes
except ImportError:
    ctypes = None
try:
    import cPickle as pickle
except ImportError:  # 3
    import pickle
try:
    from functools import lru_cache
except ImportError:  # 2.7
    lru_cache = None


def work(value):
    for _ in range(500):
        value ^= 3
    return value


def sort_callback(value):
    return work(value)


def by_sort():
    return sorted(range(40), key=sort_callback)


def map_callback(value):
    return work(value)


def by_map():
    return list(map(map_callback, range(40)))


WORD = re.compile("[a-z]+")


def regex_callback(match):
    return str(work(match.start()))


def by_regex():
    return WORD.sub(regex_callback, "some words to be found " * 8)


def pickle_callback(self):
    return (work, (work(1),))


class Pickled(object):
    __reduce__ = pickle_callback


def by_pickle():
    return pickle.dumps([Pickled() for _ in range(40)], 2)


if lru_cache:

    @lru_cache(maxsize=1)
    def cache_callback(value):
        return work(value)

    def by_cache():
        for value in range(40):
            cache_callback(value)


def comprehension_callback(value):
    return work(value)


def by_comprehension():
    return [comprehension_callback(value) for value in range(40)]


if ctypes:
    COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    LIBC = ctypes.CDLL(None)
    LIBC.qsort.restype = None

    def ctypes_callback(left, right):
        return work(left[0]) - work(right[0])

    COMPARE_CALLBACK = COMPARE(ctypes_callback)

    def by_ctypes():
        values = (ctypes.c_int * 12)(*reversed(range(12)))
        LIBC.qsort(values, 12, ctypes.sizeof(ctypes.c_int), COMPARE_CALLBACK)


def main():
    ways = [by_sort, by_map, by_comprehension, by_regex, by_pickle]
    if lru_cache:
        ways.append(by_cache)
    if ctypes:
        ways.append(by_ctypes)
    ready()
    end = clock() + seconds_argument()
    while clock() < end:
        for way in ways:
            way()
    report({"ways": [way.__name__ for way in ways]})


if __name__ == "__main__":
    main()
