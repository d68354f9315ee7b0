# SPDX-License-Identifier: Apache-2.0
"""Measures how true a recording is. Target programs write down what they did; this compares it with what was recorded.

  mixed_shares.py  the share of the thread's CPU time of each function, from the thread's CPU clock
  truth.py         its own stack, at points where it then stays
  short_lived.py   50 ms of CPU time, and gone

Used by the tests in this folder and by tools/bench/accuracy.
"""
import collections
import math
import os
import re
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "runtime"))

from harness import HANG_SECONDS, Profiler, environment, record_each  # noqa: E402
from stacks import same_function  # noqa: E402

# By chance, a bound is exceeded once in a million comparisons.
IMPROBABLE = 1e-6
# What the programs' own measuring may be off: reading the clock costs time in the function around it.
TRUTH_SLACK = 0.01

Shares = collections.namedtuple("Shares", "interpreter samples distance expected bound")
Points = collections.namedtuple("Points", "interpreter samples complete contradicting unmarked held")


def expected_distance(shares, samples):
    """Mean total variation distance of n independent samples to the shares they are drawn from: 1/2 sum sqrt(2p(1-p)/(pi n))."""
    return 0.5 * sum(math.sqrt(2 * p * (1 - p) / (math.pi * samples)) for p in shares)


def distance_bound(shares, samples):
    """A distance that n independent samples exceed with probability IMPROBABLE at most, and TRUTH_SLACK.

    The mean is at most 1/2 sum sqrt(p(1-p)/n) (Jensen); one sample changes the distance by at most 1/n, so it stays within
    sqrt(ln(1/probability) / 2n) of its mean (McDiarmid).
    """
    mean = 0.5 * sum(math.sqrt(p * (1 - p) / samples) for p in shares)
    return mean + math.sqrt(math.log(1 / IMPROBABLE) / (2 * samples)) + TRUTH_SLACK


def measure_shares(found, frequency, seconds, batch):
    """Total variation distance between recorded and timed shares, one Shares for each interpreter."""
    for run in record_each(found, "mixed_shares.py", seconds, frequency=frequency, batch=batch):
        mix = run.stacks.having("mix")
        truth = dict(run.report["shares"])
        truth["(rest)"] = max(0.0, 1 - sum(truth.values()))
        counts = {name: mix.having("mix", name).count for name in run.report["shares"]}
        counts["(rest)"] = mix.count - sum(counts.values())
        if not mix.count:
            yield Shares(run.interpreter, 0, 1.0, 0.0, 0.0)
            continue
        distance = 0.5 * sum(abs(counts[name] / mix.count - share) for name, share in truth.items())
        shares = list(truth.values())
        yield Shares(
            run.interpreter, mix.count, distance, expected_distance(shares, mix.count), distance_bound(shares, mix.count)
        )


# With --lines, native code that has debug information shows a file and a line too.
NATIVE_SOURCE = re.compile(r"\.(c|h|cc|cpp|cxx|hpp|rs|S|s)$")


def python_frames(stack):
    return [frame for frame in stack.python if not NATIVE_SOURCE.search(frame.file)]


def agrees(stack, truth, minor):
    """The recorded Python frames are those that the program wrote down: functions, files, current lines, none missing."""
    frames = python_frames(stack)
    if len(frames) != len(truth):
        return False
    for frame, (function, path, _, low, high) in zip(frames, truth):
        if not same_function(frame.function, function, minor):
            return False
        if os.path.basename(frame.file) != path or not low <= frame.line <= high:
            return False
    return True


def is_marked(stack):
    """It says that Python frames or names are missing. (Native code without a name is a matter of its symbols.)"""
    return any(frame.kind == "marker" for frame in stack.frames) or any(frame.function.startswith("[") for frame in stack.python)


def measure_points(found, frequency, seconds, batch):
    """Complete, contradicting and silently imperfect stacks, one Points for each interpreter."""
    program = "truth.py"

    def is_whole(stack):
        root = python_frames(stack)[0]
        return root.function == "<module>" and os.path.basename(root.file) == program

    for run in record_each(found, program, seconds, options=["--lines"], frequency=frequency, batch=batch):
        known = [point["stack"] for point in run.report["points"]]
        inside = run.stacks.in_file(program)
        whole = inside.where(is_whole)
        complete = whole.where(lambda stack: not is_marked(stack))
        held = whole.where(lambda stack: python_frames(stack)[-1].function == "hold")
        wrong = held.where(lambda stack: not any(agrees(stack, truth, run.interpreter.minor) for truth in known))
        unmarked = inside.where(lambda stack: not is_whole(stack) and not is_marked(stack))
        yield Points(run.interpreter, inside.count, complete.count, wrong.count, unmarked.count, held.count)


ShortLives = collections.namedtuple("ShortLives", "runs seen expected named incomplete recording")
SHORT_CPU_SECONDS = 0.05


def measure_short_lives(found, runs, parallel, frequency):
    """`runs` programs of 50 ms each, `parallel` at a time, of all interpreters in turn, while the whole machine is recorded."""
    pids = []
    with Profiler("-a", "-F", frequency, "--per-process").wait_recording() as profiler:
        for begin in range(0, runs, parallel):
            group = [
                subprocess.Popen(
                    found[number % len(found)].command("short_lived.py", SHORT_CPU_SECONDS),
                    stdout=subprocess.DEVNULL,
                    env=environment(),
                )
                for number in range(begin, min(begin + parallel, runs))
            ]
            for process in group:
                if process.wait(timeout=HANG_SECONDS) != 0:
                    raise AssertionError("short_lived.py ended with %d" % process.returncode)
                pids.append(process.pid)
        profiler.stop()
        recording = profiler.finish()
    stacks = recording.stacks.of_pid(*pids)
    work = stacks.having("short_work")
    named = work.where(lambda stack: stack.names[:3] == ["<module>", "main", "short_work"])
    # Any sample with Python frames is inside the interpreter's run; in start-up they lead from the import system.
    python = stacks.where(lambda stack: bool(stack.python))
    bad = python.where(lambda stack: is_marked(stack))
    return ShortLives(
        runs, len({stack.pid for stack in work}), SHORT_CPU_SECONDS * runs * frequency, named.count, bad.count, recording
    )
