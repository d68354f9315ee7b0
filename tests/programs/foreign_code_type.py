# SPDX-License-Identifier: Apache-2.0
"""foreign_code_type.py SECONDS: an interpreter whose layout is not what its file says.

The type of the code objects that run is a copy of CPython's, at another address, as it would be if they had another field there.
Needs ctypes and a build without free threading.
"""
import ctypes
import sys

from common import clock, ready, report, seconds_argument

WORD = ctypes.sizeof(ctypes.c_void_p)


def work(end):
    while clock() < end:
        pass


def set_type(code, address):
    ctypes.c_void_p.from_address(id(code) + WORD).value = address


def main():
    codes = [sys._getframe(1).f_code, main.__code__, work.__code__, ready.__code__]
    code_type = type(work.__code__)
    copy = ctypes.create_string_buffer(ctypes.string_at(id(code_type), 4096), 4096)
    for code in codes:
        set_type(code, ctypes.addressof(copy))
    ready()
    try:
        work(clock() + seconds_argument())
    finally:
        for code in codes:
            set_type(code, id(code_type))
    report({})


if __name__ == "__main__":
    main()
