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
# Of the samples of the Python process outside its start-up.
NAMED_SHARE = 0.98
# busy_a does twice the work of busy_b: 2/3 of the samples within five deviations of 150 samples.
SHARE_OF_A, SHARE_TOLERANCE = 2 / 3, 0.2

PROGRAM = """\
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


main()
""".replace("CPU_SECONDS", str(CPU_SECONDS))

# The functions of each busy sample, root first. Before 3.11 names are not qualified.
EXPECTED = ["<module>", "main"] + ["recurse"] * 11 + ["<lambda>", "work", None, "spin"]


# 1,024 Python frames, of which every INTERVAL-th is called by sorted(): at 20 some 400 native frames stand between them, at 10 more
# than the 512 that are taken.
DEEP_FRAMES = 1024
DEEP_CPU_SECONDS = 1.5
ENOUGH_DEEP_SAMPLES = 20
ENOUGH_NATIVE_FRAMES = 300
MAX_NATIVE_FRAMES = 512  # bpf/abi/record.h
DEEP_PROGRAM = """\
import sys
import time

sys.setrecursionlimit(5000)


def spin():
    total = 0
    for i in range(20000):
        total += i & 3
    return total


def descend(left):
    if left == 0:
        return spin()
    if left % INTERVAL == 0:
        return sorted([left - 1], key=descend)
    return descend(left - 1)


def main():
    end = time.process_time() + CPU_SECONDS
    while time.process_time() < end:
        descend(DEPTH)


main()
""".replace("CPU_SECONDS", str(DEEP_CPU_SECONDS)).replace("DEPTH", str(DEEP_FRAMES - 4))
DEEP_EXPECTED = ["<module>", "main"] + ["descend"] * (DEEP_FRAMES - 3) + ["spin"]


# A thread that sleeps beside one that waits for a lock.
STANDING_PROGRAM = """\
import threading
import time

lock = threading.Lock()


def sleeper():
    time.sleep(3600)


def locker():
    lock.acquire()
    print("ready", flush=True)
    lock.acquire()


threading.Thread(target=sleeper, daemon=True).start()
locker()
"""


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


def native_frames(frames):
    """How many frames are of native code in user space; what is inlined into one is none of its own."""
    return sum(1 for frame in frames if not frame.endswith(("_[k]", "_[i]")) and not python_names([frame]) and not frame.startswith("[truncated"))


def is_as_expected(names):
    return len(names) == len(EXPECTED) and all(want in (None, name) for want, name in zip(EXPECTED, names))


class Checks:
    def __init__(self):
        self.failed = []

    def check(self, holds, text):
        print("  %s %s" % ("ok    " if holds else "FAILED", text), flush=True)
        if not holds:
            self.failed.append(text)


def record(pyebpf, python, text, folder, checks, *options):
    """[(frames root first, count)] of a program, and its statistics; None if it could not be recorded."""
    program = os.path.join(folder, "program.py")
    output, statistics = os.path.join(folder, "out.folded"), os.path.join(folder, "statistics.json")
    with open(program, "w", encoding="utf-8") as stream:
        stream.write(text)
    command = [pyebpf, "record", "-F", str(FREQUENCY_HZ), "-o", output, "--stats", statistics, *options, "--", python, "-S", program]
    completed = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_SECONDS)
    checks.check(completed.returncode == 0, "record exits with 0 (%d)" % completed.returncode)
    if completed.returncode != 0 or not os.path.exists(output):
        print(completed.stderr[-4000:], flush=True)
        return None
    with open(output, encoding="utf-8") as stream:
        lines = [line.rsplit(" ", 1) for line in stream]
    with open(statistics, encoding="utf-8") as stream:
        counted = json.load(stream)["statistics"]
    return [(text.split(";"), int(count)) for text, count in lines], counted


def profile_deep(pyebpf, python, folder, checks):
    print("%s, %d Python frames mixed with native ones:" % (python, DEEP_FRAMES), flush=True)
    for interval in (20, 10):
        program = DEEP_PROGRAM.replace("INTERVAL", str(interval))
        recorded = record(pyebpf, python, program, folder, checks, "--native=all")
        if recorded is not None:
            check_deep(*recorded, interval == 10, checks)


def check_deep(stacks, counted, is_cut, checks):
    deep = [(frames, count) for frames, count in stacks if "spin" in python_names(frames)]
    busy = sum(count for _, count in deep)
    right = sum(count for frames, count in deep if python_names(frames) == DEEP_EXPECTED)
    wanted = MAX_NATIVE_FRAMES if is_cut else ENOUGH_NATIVE_FRAMES
    mixed = sum(count for frames, count in deep if native_frames(frames) >= wanted)
    cut = sum(count for frames, count in deep if frames[0].startswith("[truncated"))
    checks.check(busy >= ENOUGH_DEEP_SAMPLES, "at least %d samples in spin() (%d)" % (ENOUGH_DEEP_SAMPLES, busy))
    checks.check(right >= NAMED_SHARE * busy, "%.1f %% of them have all %d Python frames" % (100 * right / max(busy, 1), DEEP_FRAMES))
    checks.check(mixed >= NAMED_SHARE * busy, "%.1f %% of them have %d native frames" % (100 * mixed / max(busy, 1), wanted))
    # Not one that ended earlier, at a page that was not in memory.
    checks.check(cut == (mixed if is_cut else 0), "%s of these is marked as truncated (%d)" % ("each" if is_cut else "none", cut))
    counted_cut = counted["native_truncated"]["value"]
    checks.check((counted_cut >= cut) if is_cut else (counted_cut == 0), "native_truncated counts them (%d)" % counted_cut)


def profile(pyebpf, python, folder, checks):
    print("%s:" % python, flush=True)
    recorded = record(pyebpf, python, PROGRAM, folder, checks)
    if recorded is None:
        return
    stacks, counted = recorded
    total = named = in_a = in_b = 0
    odd = {}
    for frames, count in stacks:
        text, names = ";".join(frames), python_names(frames)
        total += int(count)
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
    # Start-up, imports and the calls around spin() are the rest, half of all where emulation is slow; a process that is not seen as
    # Python would be nothing else.
    checks.check(busy >= 0.25 * total, "share of spin() in all samples %.3f" % (busy / max(total, 1)))
    losses = {name: entry["value"] for name, entry in counted.items() if entry["loss"] and entry["value"]}
    lost = {name: value for name, value in losses.items() if name in ("ticks_lost", "stack_parts_missing")}
    print("  imperfections counted: %s" % (losses or "none"))
    checks.check(not lost, "no sample was lost %s" % (lost or ""))


def examine(pyebpf, checks):
    """What doctor says of the features that came with a kernel."""
    completed = subprocess.run([pyebpf, "doctor", "--json"], stdout=subprocess.PIPE, text=True, timeout=TIMEOUT_SECONDS)
    findings = {finding["name"]: finding for finding in json.loads(completed.stdout)["findings"]}
    release = tuple(int(part) for part in platform.release().split(".")[:2])
    for name, since in [("BPF work in the sampled task", (6, 18)), ("BPF on perf events", (5, 10)), ("BPF iterator over tasks (dump)", (5, 10))]:
        found = findings[name]["ok"]
        checks.check(found == (release >= since), "%s: %s" % (name, findings[name]["detail"]))


def dump(pyebpf, checks, *options):
    """The processes that `pyebpf dump` finds."""
    command = [pyebpf, "dump", "--json"] + [str(option) for option in options]
    completed = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_SECONDS)
    checks.check(completed.returncode == 0, "dump exits with 0 (%d)" % completed.returncode)
    if completed.returncode != 0:
        print(completed.stderr[-4000:], flush=True)
        return []
    document = json.loads(completed.stdout)
    checks.check(document["no_iterator"] == "", "the kernel lists threads %s" % document["no_iterator"])
    return document["processes"]


def dump_threads(pyebpf, python, checks):
    print("a dump of threads that stand still:", flush=True)
    process = subprocess.Popen([python, "-S", "-c", STANDING_PROGRAM], stdout=subprocess.PIPE, text=True)
    try:
        process.stdout.readline()
        for _ in range(100):  # "ready" comes a moment before it waits
            threads = [thread for one in dump(pyebpf, checks, process.pid) for thread in one["threads"]]
            if checks.failed or all(thread["state"] != "running" and not thread["torn"] for thread in threads):
                break
    finally:
        process.kill()
        process.wait()
    found = {}
    for thread in threads:
        python_frames = [frame["function"] for frame in thread["frames"] if frame["kind"] == "python"]
        found[python_frames[0] if python_frames else ""] = (thread["state"], thread["torn"])
    checks.check(found == {"locker": ("lock", False), "sleeper": ("sleep", False)}, "each has its place and state %s" % found)


def profile_cgroup(pyebpf, python, folder, checks):
    """Two busy processes, one of them two levels below a cgroup that is recorded."""
    print("a cgroup with all below it:", flush=True)
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        roots = [line.split()[1] for line in mounts if line.split()[2] == "cgroup2"]
    checks.check(bool(roots), "cgroup v2 is mounted")
    if not roots:
        return
    cgroup = os.path.join(roots[0], "pyebpf-smoke")
    inner = os.path.join(cgroup, "below", "it")
    os.makedirs(inner)
    output = os.path.join(folder, "cgroup.folded")
    spin = "while True: pass"
    inside = subprocess.Popen([python, "-S", "-c", spin])
    outside = subprocess.Popen([python, "-S", "-c", spin])
    try:
        with open(os.path.join(inner, "cgroup.procs"), "w", encoding="utf-8") as members:
            members.write(str(inside.pid))
        command = [pyebpf, "record", "--cgroup", cgroup, "-F", str(FREQUENCY_HZ), "-d", "3", "--per-process", "-o", output]
        completed = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_SECONDS)
        dumped = dump(pyebpf, checks, "--cgroup", cgroup)
    finally:
        for process in (inside, outside):
            process.kill()
            process.wait()
        for path, _, _ in os.walk(cgroup, topdown=False):
            remove_when_empty(path)
    checks.check(completed.returncode == 0, "record --cgroup exits with 0 (%d)" % completed.returncode)
    if completed.returncode != 0:
        print(completed.stderr[-4000:], flush=True)
        return
    with open(output, encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    foreign = [line for line in lines if "(pid %d)" % inside.pid not in line.split(";")[0]]
    checks.check(bool(lines), "its process was sampled")
    checks.check(not foreign, "nothing else was %s" % foreign[:3])
    names = [[frame["function"] for frame in thread["frames"]] for process in dumped for thread in process["threads"]]
    checks.check([process["pid"] for process in dumped] == [inside.pid], "its process was dumped, and nothing else")
    checks.check(names[:1] and names[0][-1:] == ["<module>"], "with the stack of the thread that runs %s" % names)


def remove_when_empty(cgroup):
    """A process that was killed and waited for may leave its cgroup a moment later."""
    for _ in range(100000):
        try:
            return os.rmdir(cgroup)
        except OSError:
            os.sched_yield()


def main(arguments):
    pyebpf = arguments[0] if arguments else os.environ.get("PYEBPF")
    if not pyebpf or pyebpf in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if pyebpf else 2
    pyebpf, pythons = os.path.abspath(pyebpf), arguments[1:] or default_pythons()
    print("kernel %s, %d CPUs" % (platform.release(), os.cpu_count()), flush=True)
    checks = Checks()
    checks.check(bool(pythons), "there is a Python to profile")
    examine(pyebpf, checks)
    for python in pythons:
        with tempfile.TemporaryDirectory(prefix="pyebpf-smoke-") as folder:
            profile(pyebpf, python, folder, checks)
            profile_deep(pyebpf, python, folder, checks)
            dump_threads(pyebpf, python, checks)
    if pythons:
        with tempfile.TemporaryDirectory(prefix="pyebpf-smoke-") as folder:
            profile_cgroup(pyebpf, pythons[0], folder, checks)
    print("%s on %s" % ("FAILED" if checks.failed else "passed", platform.release()))
    for text in checks.failed:
        print("  " + text)
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
