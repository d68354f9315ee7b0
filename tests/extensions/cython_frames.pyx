# SPDX-License-Identifier: Apache-2.0
"""cython_frames: an extension module in Cython. relay(callable) > outer() > inner() > callable(); spin(loops) > leaf()."""

cdef unsigned long sink = 0


cdef object inner(object callable):
    global sink
    result = callable()
    sink += 1
    return result


cdef object outer(object callable):
    global sink
    result = inner(callable)
    sink += 1
    return result


def relay(callable):
    return outer(callable)


cdef unsigned long leaf(unsigned long loops):
    global sink
    cdef unsigned long i
    for i in range(loops):
        sink += i * i
        if sink == 3:
            return 0
    return sink


def spin(loops):
    return leaf(loops)
