# -*- coding: utf-8 -*-
# SPDX-License-Identifier: Apache-2.0
"""local_variables.py SECONDS: sleeps in hold(), which has a variable of every kind."""
import time

from common import ready, seconds_argument


class Thing(object):
    pass


def hold(seconds, first, second=b"by\x00tes"):
    none = None
    true, false = True, False
    zero, small, negative, large = 0, 42, -7, 2**40 + 1
    minus_large, huge = -(2**70), 2**300
    half, tiny = 0.5, -1e-300
    text = u"caf\xe9 \u2713"
    long_text = "x" * 1000
    escape = "\x1b[31mred'\\\n"
    empty = ""
    thing, listed = Thing(), [1, 2]
    shared = "in a cell"
    unbound = 1
    del unbound

    def inner():
        return shared

    ready()
    time.sleep(seconds)
    return (none, true, false, zero, small, negative, large, minus_large, huge, half, tiny, text, long_text, escape, empty, thing,
            listed, inner, first, second)


hold(seconds_argument(), "argument")
