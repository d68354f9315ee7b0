# SPDX-License-Identifier: Apache-2.0
"""What the benchmark runs beside each other: targets that work, and samplers that watch them.

A slot is one sampler over one target for some seconds of the target's CPU time. Start-up and end of the sampler, and a warm-up of the
target, are outside of the measured window.
"""
import collections
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PERF_EVENT_PROGRAM = "7"  # BPF_PROG_TYPE_PERF_EVENT, include/uapi/linux/bpf.h
WARM_UP_SECONDS = 0.2
HANG_SECONDS = 60

Tools = collections.namedtuple("Tools", "pyebpf sampler frames_with_fp frames_without_fp python")

# What one slot gave. loops_per_second: work of the target per second of its CPU time. runs, ns: of the BPF program, all CPUs; 0 if the
# kernel does not measure. own_cpu: share of one CPU that the sampler's process took. stats: pyebpf's, or {}.
Slot = collections.namedtuple("Slot", "loops_per_second target_cpu runs ns own_cpu edge_cpu peak_bytes kernel_bytes stats stack frames")


class BenchError(Exception):
    """The benchmark cannot go on; the text is for its user."""


class Target:
    """A program that works when asked, on one CPU, below a stack of a known shape."""

    def __init__(self, command, name):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        os.sched_setaffinity(self.process.pid, {max(os.sched_getaffinity(0))})
        self.expect_line("ready")

    def expect_line(self, wanted=None):
        line = self.process.stdout.readline().strip()
        if not line or wanted not in (None, line):
            raise BenchError(f"target {self.name} ended early")
        return line

    def measure(self, seconds):
        """Works for that much CPU time; returns loops and CPU seconds."""
        self.process.stdin.write(f"measure {seconds}\n")
        self.process.stdin.flush()
        loops, cpu = self.expect_line().split()
        return int(loops), float(cpu)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(HANG_SECONDS)


def python_target(tools, shape, depth, copy_bytes=0):
    return Target([tools.python, "-B", str(HERE / "target.py"), shape, str(depth), str(copy_bytes)], f"{shape} {depth}")


def c_target(program, depth, copy_bytes=0):
    return Target([str(program), str(depth), str(copy_bytes)], f"{pathlib.Path(program).name} {depth}")


# ---- what the kernel says of a process


def read(path):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def process_cpu_ns(pid):
    """CPU time of all threads, to the nanosecond (Documentation/scheduler/sched-stats.rst)."""
    return sum(int(read(task / "schedstat").split()[0] or 0) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
               if read(task / "schedstat"))


def bpf_facts(pid):
    """Runs and ns of the sampling program that the process holds, and the kernel memory of all its maps and programs."""
    runs = ns = memory = 0
    seen = set()
    for name in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        facts = dict(line.split(":", 1) for line in read(name).splitlines() if ":" in line)
        facts = {key: value.strip() for key, value in facts.items()}
        identity = facts.get("map_id"), facts.get("prog_id")
        if "memlock" not in facts or identity in seen:
            continue
        seen.add(identity)
        memory += int(facts["memlock"])
        if facts.get("prog_type") == PERF_EVENT_PROGRAM:
            runs += int(facts["run_cnt"])
            ns += int(facts["run_time_ns"])
    return runs, ns, memory


# ---- samplers


class NoSampler:
    name = "none"
    process = None

    def start(self, target, folder):
        pass

    def stop(self):
        return {}, (0, 0), (0, 0)


class Yardstick:
    """bench_sampler: the empty program or bpf_get_stack, on all CPUs or on the target's thread only."""

    def __init__(self, tools, program, frequency_hz, of_target=False):
        self.tools, self.program, self.frequency_hz, self.of_target = tools, program, frequency_hz, of_target
        self.name = program

    def start(self, target, folder):
        command = [str(self.tools.sampler), self.program, str(self.frequency_hz)]
        if self.of_target:
            command.append(str(target.process.pid))
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            raise BenchError(f"{' '.join(command)} did not start")

    def stop(self):
        self.process.stdin.close()
        stacks, frames = (int(word) for word in self.process.stdout.readline().split())
        self.process.stdout.close()
        return {}, (0, frames / stacks if stacks else 0), wait(self.process)


class Pyebpf:
    """pyebpf record with these targets."""

    def __init__(self, tools, frequency_hz, targets=None, watch=None):
        self.tools, self.frequency_hz, self.targets, self.watch = tools, frequency_hz, targets, watch
        self.name = "pyebpf"

    def start(self, target, folder):
        self.profile, self.stats = folder / "profile.collapsed", folder / "stats.json"
        targets = self.targets or ["-p", str(self.watch or target.process.pid), "--no-children"]
        self.process = subprocess.Popen(
            [str(self.tools.pyebpf), "record", *targets, "-F", str(self.frequency_hz), "--native=all", "-q", "-o", str(self.profile),
             "--format", "collapsed", "--stats", str(self.stats)], stdin=subprocess.DEVNULL)
        wait_for_signalfd(self.process)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        usage = wait(self.process)
        return json.loads(self.stats.read_text(encoding="utf-8")), frames_of_heaviest(read(self.profile)), usage


def wait_for_signalfd(process):
    """pyebpf opens its signal descriptor when it samples: what it does before is start-up."""
    deadline = time.monotonic() + HANG_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            for fd in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
                if os.readlink(fd) == "anon_inode:[signalfd]":
                    return
        time.sleep(0.01)
    raise BenchError("pyebpf record did not start")


def wait(process):
    """Waits for the end; CPU nanoseconds and peak resident bytes."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchError(f"{process.args[0]} ended with {process.returncode}")
    return int((usage.ru_utime + usage.ru_stime) * 1e9), usage.ru_maxrss * 1024


def frames_of_heaviest(collapsed):
    """Python and other frames of the stack with the most samples, so that the table shows that the walk was whole."""
    best, best_weight = "", 0
    for line in collapsed.splitlines():
        stack, _, weight = line.rpartition(" ")
        if int(weight) > best_weight:
            best, best_weight = stack, int(weight)
    frames = best.split(";") if best else []
    python = sum(".py:" in frame for frame in frames)
    return python, len(frames) - python


def run_slot(target, sampler, seconds):
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        before_start = time.monotonic_ns()
        try:
            sampler.start(target, pathlib.Path(folder))
            pid = sampler.process.pid if sampler.process else None
            target.measure(WARM_UP_SECONDS)
            cpu_before, bpf_before = (process_cpu_ns(pid), bpf_facts(pid)) if pid else (0, (0, 0, 0))
            start = time.monotonic_ns()
            loops, cpu = target.measure(seconds)
            end = time.monotonic_ns()
            bpf_after, cpu_after = (bpf_facts(pid), process_cpu_ns(pid)) if pid else ((0, 0, 0), 0)
            stats, frames, (cpu_all, peak) = sampler.stop()
        finally:
            if sampler.process and sampler.process.poll() is None:
                sampler.process.kill()
                sampler.process.wait()
    steady = cpu_after - cpu_before
    share = steady / (end - start)
    sampled_for = max(end - before_start, 1)
    # What the process took that is not its steady rate: loading, and writing the profile.
    edge = max(cpu_all - share * sampled_for, 0) * 1e-9 if pid else 0
    return Slot(loops / cpu, cpu, bpf_after[0] - bpf_before[0], bpf_after[1] - bpf_before[1], share, edge, peak, bpf_after[2], stats,
                sampler.name, frames)


def find_tools(build, pyebpf, python):
    """The programs to run; the newest build folder that has them, unless one is named."""
    root = HERE.parent.parent
    builds = [pathlib.Path(build)] if build else sorted(root.glob("build/*"), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in builds:
        bench = folder / "tools" / "bench"
        tools = Tools(pathlib.Path(pyebpf) if pyebpf else folder / "userspace" / "app" / "pyebpf", bench / "bench_sampler",
                      bench / "bench_frames_with_fp", bench / "bench_frames_without_fp", python or sys.executable)
        if all(os.access(tool, os.X_OK) for tool in tools):
            return tools
    raise BenchError(f"no pyebpf with the benchmark's helpers in {', '.join(map(str, builds)) or root / 'build'}: "
                     "cmake --preset release && cmake --build --preset release --target bench")
