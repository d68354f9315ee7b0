#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The end-to-end check of the kernel matrix: does pyebpf show a Python program's functions by name on the kernel that runs now?

usage: kernel_smoke.py [PYEBPF [PYTHON...]]

PYEBPF is the program under test, by default that of the environment variable PYEBPF. Records a small program under each PYTHON
(default: the system's python3 and, if there is one, the newest of pyenv, which has a shared libpython) from its first
instruction to its end. Prints figures; exits with 0 if every check held, else with 1. Needs root, no other file of the
project, and no network. Made for slow machines (emulated CPUs): the work is an amount of CPU time, shares are asserted and
durations are not.
"""
import glob
import json
import os
import platform
import subprocess
import sys
import tempfile

TIMEOUT_SECONDS = 1200
FREQUENCY_HZ = 199
# The program works until it has used this much CPU time: about 600 samples.
CPU_SECONDS = 3.0
ENOUGH_SAMPLES = 150
# Then, for so much CPU time, it is as deep as a stack is promised to be complete: about 200 samples.
DEEP_FRAMES = 1024
DEEP_CPU_SECONDS = 1.0
ENOUGH_DEEP_SAMPLES = 50
# Of the samples of the Python process outside its start-up.
NAMED_SHARE = 0.98
# busy_a does twice the work of busy_b: 2/3 of the samples within five deviations of 150 samples.
SHARE_OF_A, SHARE_TOLERANCE = 2 / 3, 0.2

PROGRAM = """\
import sys
import time


def spin(count):
    total = 0
    for i in range(count):
        total += i & 3
    return total


def busy_a():
    return spin(20000)


def busy_b():
    return spin(10000)


class Worker(object):
    def work(self):
        busy_a()
        busy_b()


def recurse(depth):
    if depth:
        return recurse(depth - 1)
    return max([0], key=lambda _: Worker().work() or 0)


def main():
    end = time.process_time() + CPU_SECONDS
    while time.process_time() < end:
        recurse(10)


def deep_leaf():
    end = time.process_time() + DEEP_SECONDS
    while time.process_time() < end:
        pass


def deep(depth):
    if depth:
        deep(depth - 1)
    else:
        deep_leaf()


main()
sys.setrecursionlimit(2 * DEEP_FRAMES)
deep(DEEP_FRAMES - 3)
""".replace("DEEP_FRAMES", str(DEEP_FRAMES)).replace("DEEP_SECONDS", str(DEEP_CPU_SECONDS)).replace("CPU_SECONDS", str(CPU_SECONDS))

# The functions of each busy sample, root first. Before 3.11 names are not qualified.
EXPECTED = ["<module>", "main"] + ["recurse"] * 11 + ["<lambda>", "work", None, "spin"]
EXPECTED_DEEP = ["<module>"] + ["deep"] * (DEEP_FRAMES - 2) + ["deep_leaf"]


def default_pythons():
    pyenv = glob.glob(os.path.join(os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv")), "versions/3.*/bin/python"))
    pyenv.sort(key=lambda path: [int(part) for part in path.split("/")[-3].split(".") if part.isdigit()])
    # `python3` may be a shim of pyenv: the system's own has this path on Debian and Ubuntu.
    system = [path for path in ("/usr/bin/python3", "/usr/bin/python3.11") if os.path.exists(path)]
    return system[:1] + pyenv[-1:]


def python_names(frames):
    """Names of the Python frames "function (file:line)", root first, last part only."""
    names = []
    for frame in frames:
        function, _, place = frame.rpartition(" (")
        path, _, line = place.rstrip(")").rpartition(":")
        if function and path and line.isdigit():
            names.append(function.rsplit(".", 1)[-1])
    return names


def is_as_expected(names):
    return len(names) == len(EXPECTED) and all(want in (None, name) for want, name in zip(EXPECTED, names))


class Checks:
    def __init__(self):
        self.failed = 0

    def check(self, holds, text):
        print("  %s %s" % ("ok    " if holds else "FAILED", text), flush=True)
        self.failed += not holds


def profile(pyebpf, python, folder, checks):
    print("%s:" % python, flush=True)
    program = os.path.join(folder, "program.py")
    output, statistics = os.path.join(folder, "out.folded"), os.path.join(folder, "statistics.json")
    with open(program, "w", encoding="utf-8") as stream:
        stream.write(PROGRAM)
    command = [pyebpf, "record", "-F", str(FREQUENCY_HZ), "-o", output, "--stats", statistics, "--", python, "-S", program]
    completed = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_SECONDS)
    checks.check(completed.returncode == 0, "record exits with 0 (%d)" % completed.returncode)
    if completed.returncode != 0 or not os.path.exists(output):
        print(completed.stderr[-4000:], flush=True)
        return
    total = named = in_a = in_b = deep = deep_whole = 0
    odd = {}
    with open(output, encoding="utf-8") as stream:
        for line in stream:
            text, count = line.rsplit(" ", 1)
            names = python_names(text.split(";"))
            total += int(count)
            if "deep_leaf" in names:
                deep += int(count)
                deep_whole += int(count) * (names == EXPECTED_DEEP)
            if "spin" not in names:
                continue
            if is_as_expected(names):
                named += int(count)
                in_a += int(count) * ("busy_a" in names)
                in_b += int(count) * ("busy_b" in names)
            else:
                odd[text] = odd.get(text, 0) + int(count)
    busy = named + sum(odd.values())
    print("  samples %d: in spin() with the expected stack %d, with another %d" % (total, named, busy - named), end="")
    print(", elsewhere %d" % (total - busy))
    for text, count in sorted(odd.items(), key=lambda item: -item[1])[:3]:
        print("  odd: %d %s" % (count, text))
    checks.check(busy >= ENOUGH_SAMPLES, "at least %d samples in spin() (%d)" % (ENOUGH_SAMPLES, busy))
    checks.check(named >= NAMED_SHARE * busy, "%.1f %% of them have the whole stack by name" % (100 * named / max(busy, 1)))
    share = in_a / max(named, 1)
    checks.check(abs(share - SHARE_OF_A) <= SHARE_TOLERANCE, "share of busy_a %.3f (true %.3f)" % (share, SHARE_OF_A))
    checks.check(deep >= ENOUGH_DEEP_SAMPLES, "at least %d samples %d frames deep (%d)" % (ENOUGH_DEEP_SAMPLES, DEEP_FRAMES, deep))
    checks.check(deep_whole >= NAMED_SHARE * deep, "%.1f %% of them have all frames" % (100 * deep_whole / max(deep, 1)))
    # Start-up, imports and the calls around spin() are the rest: a process that is not seen as Python would be nothing else.
    checks.check(busy >= 0.5 * total, "share of spin() in all samples %.3f" % (busy / max(total, 1)))
    with open(statistics, encoding="utf-8") as stream:
        counted = json.load(stream)["statistics"]
    losses = {name: entry["value"] for name, entry in counted.items() if entry["loss"] and entry["value"]}
    lost = {name: value for name, value in losses.items() if name in ("ticks_lost", "stack_parts_missing")}
    print("  imperfections counted: %s" % (losses or "none"))
    checks.check(not lost, "no sample was lost %s" % (lost or ""))


def main(arguments):
    pyebpf = arguments[0] if arguments else os.environ.get("PYEBPF")
    if not pyebpf or pyebpf in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if pyebpf else 2
    pyebpf, pythons = os.path.abspath(pyebpf), arguments[1:] or default_pythons()
    print("kernel %s, %d CPUs" % (platform.release(), os.cpu_count()), flush=True)
    checks = Checks()
    checks.check(bool(pythons), "there is a Python to profile")
    for python in pythons:
        with tempfile.TemporaryDirectory(prefix="pyebpf-smoke-") as folder:
            profile(pyebpf, python, folder, checks)
    print("%s on %s" % ("FAILED" if checks.failed else "passed", platform.release()))
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
