# SPDX-License-Identifier: Apache-2.0
"""Does a known number of things that make events. usage: events.py KIND COUNT     KIND: write, malloc, collect, touch"""
import ctypes
import gc
import json
import mmap
import os
import sys

C = ctypes.CDLL(None)
C.malloc.restype = ctypes.c_void_p
C.free.argtypes = [ctypes.c_void_p]
PAGE = 4096


class Write(object):
    def __init__(self):
        self.file = os.open("/dev/null", os.O_WRONLY)

    def do_write(self):
        os.write(self.file, b"x")


class Malloc(object):
    def do_malloc(self):
        C.free(C.malloc(100))


class Collect(object):
    def do_collect(self):
        gc.collect()


class Touch(object):
    """Each time the next page of memory that was never used."""

    def __init__(self):
        self.memory = mmap.mmap(-1, PAGE * int(sys.argv[2]))
        self.at = 0

    def do_touch(self):
        self.memory[self.at] = b"x"[0]
        self.at += PAGE


def main():
    kind, count = sys.argv[1], int(sys.argv[2])
    something = {"write": Write, "malloc": Malloc, "collect": Collect, "touch": Touch}[kind]()
    do = getattr(something, "do_" + kind)
    print("ready")
    sys.stdout.flush()
    for _ in range(count):
        do()
    print(json.dumps({"count": count}))


main()
