# SPDX-License-Identifier: Apache-2.0
"""A fixed amount of work in functions of known share, one of which can be made dearer: what `pyebpf check` is tested with.

usage: regression_workload.py KIND:SHARE:FACTOR [ROUNDS]

Functions of about 2, 10 and 40 % of the CPU time, and others for the rest. KIND is how the function of SHARE % gets FACTOR times
as dear: python (its own loop), native (a C function works on more), calls (it is called more often), line (one line of two).
`refactored` and `renamed` (with any share and factor) cost the same and have other functions.
"""
import sys
import zlib

BLOCK = bytes(range(256)) * 16
# Iterations a round of one percent, measured once; only their ratio matters.
LOOP = 600


def python_function(name, iterations):
    """A function of that name whose own loop is the cost."""
    scope = {}
    source = "def %s(n):\n    value = 0\n    for i in range(n):\n        value += i * i\n    return value\n" % name
    exec(compile(source, __file__, "exec"), scope)
    return lambda: scope[name](iterations)


def line_function(name, first, second):
    """Two lines of equal cost; `second` may have more to do."""
    scope = {}
    source = (
        "def %s(n, m):\n    a = sum([i * i for i in range(n)])\n    b = sum([i * i for i in range(m)])\n    return a + b\n" % name
    )
    exec(compile(source, __file__, "exec"), scope)
    return lambda: scope[name](first, second)


def native_function(name, repeats):
    scope = {"crc": zlib.crc32, "block": BLOCK}
    source = "def %s(n):\n    for _ in range(n):\n        crc(block)\n" % name
    exec(compile(source, __file__, "exec"), scope)
    return lambda: scope[name](repeats)


def calls_function(name, calls):
    scope = {}
    source = (
        "def %s_callee():\n    value = 0\n    for i in range(20):\n        value += i * i\n    return value\n"
        "def %s(n):\n    for _ in range(n):\n        %s_callee()\n" % (name, name, name)
    )
    exec(compile(source, __file__, "exec"), scope)
    return lambda: scope[name](calls)


def whole():
    return python_function("whole", 10 * LOOP)


def refactored():
    scope = {}
    source = (
        "def helper(n):\n    value = 0\n    for i in range(n):\n        value += i * i\n    return value\n"
        "def whole(n):\n    value = helper(n // 2)\n    for i in range(n // 2):\n        value += i * i\n    return value\n"
    )
    exec(compile(source, __file__, "exec"), scope)
    return lambda: scope["whole"](10 * LOOP)


def subject(kind, share, factor):
    name = "target_%d" % share
    amount = share * LOOP * factor
    if kind == "python":
        return python_function(name, round(amount))
    if kind == "line":
        plain = share * LOOP * 0.5
        return line_function(name, round(plain), round(amount - plain))
    if kind == "native":
        return native_function(name, max(1, round(amount / 10)))
    return calls_function(name, max(1, round(amount / 24)))


def build(kind, share, factor):
    steps = [subject(kind if kind in KINDS else "python", one, factor if one == share else 1) for one in (2, 10, 40)]
    steps += [python_function("other_%d" % i, 6 * LOOP) for i in range(6)]
    if kind == "refactored":
        steps.append(refactored())
    elif kind == "renamed":
        steps.append(python_function("entirety", 10 * LOOP))
    else:
        steps.append(whole())
    return steps


KINDS = ("python", "native", "calls", "line")


def main():
    kind, share, factor = sys.argv[1].split(":")
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    steps = build(kind, int(share), float(factor))
    for _ in range(rounds):
        for step in steps:
            step()


main()
