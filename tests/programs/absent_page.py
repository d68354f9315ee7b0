# SPDX-License-Identifier: Apache-2.0
"""absent_page.py SECONDS: the page where the file name of work() begins is not in memory while work() runs.

It is in a file then, mapped over the page, and was given back: the next that touches it brings it in again. Needs ctypes.
"""
import ctypes
import tempfile

from common import clock, ready, report, seconds_argument

PAGE = 4096
PROT_READ_WRITE, MAP_PRIVATE, MAP_FIXED, MADV_DONTNEED = 3, 2, 0x10, 4  # mmap(2), madvise(2)
# So long that the C library gives it pages of its own.
FILE = "x" * 200000 + ".py"
SOURCE = """def work(clock, end):
    while clock() < end:
        pass
"""


def call(function, result, *arguments):
    function.restype = ctypes.c_void_p
    function.argtypes = [type(argument) for argument in arguments]
    returned = function(*arguments)
    if (returned or 0) != result:
        raise OSError("%s: %r" % (function.__name__, returned))


def drop_page(address):
    libc = ctypes.CDLL(None)
    begin, bytes_ = ctypes.c_void_p(address & -PAGE), ctypes.c_size_t(PAGE)
    with tempfile.TemporaryFile() as copy:
        copy.write(ctypes.string_at(begin.value, PAGE))
        copy.flush()
        placed = [ctypes.c_int(value) for value in (PROT_READ_WRITE, MAP_PRIVATE | MAP_FIXED, copy.fileno())]
        call(libc.mmap, begin.value, begin, bytes_, placed[0], placed[1], placed[2], ctypes.c_long(0))
    call(libc.madvise, 0, begin, bytes_, ctypes.c_int(MADV_DONTNEED))


def main():
    namespace = {}
    exec(compile(SOURCE, FILE, "exec"), namespace)
    work = namespace["work"]
    drop_page(id(work.__code__.co_filename))
    ready()
    work(clock, clock() + seconds_argument())
    report({})


if __name__ == "__main__":
    main()
