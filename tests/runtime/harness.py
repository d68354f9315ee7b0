# SPDX-License-Identifier: Apache-2.0
"""What the run-time tests share: interpreters, target programs, running pyebpf, and assertions on what it recorded.

Nothing here waits by sleeping: a target is ready when it says so, the profiler records when it says so. Times given as
`timeout` only end a test that hangs.
"""
import atexit
import collections
import contextlib
import glob
import json
import os
import queue
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock

from stacks import Stacks, share_bound

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROJECT = os.path.dirname(TESTS)
PROGRAMS = os.path.join(TESTS, "programs")
HANG_SECONDS = 300
SUPPORTED = [(2, 7)] + [(3, minor) for minor in range(6, 16)]
# Versions that a CI run must have, from Debian's suites.
REQUIRED_IN_CI = [(3, 9), (3, 11), (3, 13), (3, 14), (3, 15)]
IN_CI = os.environ.get("CI") == "true"


def pyebpf_path():
    path = os.environ.get("PYEBPF")
    if not path:
        built = glob.glob(os.path.join(PROJECT, "build", "*", "userspace", "app", "pyebpf"))
        path = max(built, key=os.path.getmtime) if built else None
    if not path or not os.access(path, os.X_OK):
        raise AssertionError("no pyebpf: build the project or set PYEBPF")
    return path


# ---- interpreters


# Runs a command (after its root folder) there, in a mount namespace of its own as a container would, with the file systems that
# multiprocessing needs. Its pid stays that of the command.
ENTER_ROOT = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]
ENTER_ROOT += ['mount -t proc proc "$1/proc" && mount -t tmpfs tmpfs "$1/dev/shm" && exec chroot "$@"', "sh"]


class Interpreter(collections.namedtuple("Interpreter", "version root path")):
    """version: "3.13.5", with a t for a free-threaded build. root: folder to chroot into, or None."""

    @property
    def minor(self):
        return tuple(int(part) for part in self.version.rstrip("t").split(".")[:2])

    @property
    def name(self):
        return "%s %s" % (self.version, os.path.join(self.root, self.path[1:]) if self.root else self.path)

    def command(self, program, *arguments):
        script = os.path.join(programs_in(self.root), program)
        start = ENTER_ROOT + [self.root] if self.root else []
        return start + [self.path, script] + [str(argument) for argument in arguments]


program_copies = {}


def programs_in(root):
    """The folder of the programs as a process inside `root` sees it; they are copied there for the time of this run."""
    if root is None:
        return PROGRAMS
    if root not in program_copies:
        copy = tempfile.mkdtemp(prefix="programs-", dir=os.path.join(root, "tmp"))
        os.chmod(copy, 0o755)
        shutil.copytree(PROGRAMS, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        atexit.register(shutil.rmtree, copy, ignore_errors=True)
        program_copies[root] = "/" + os.path.relpath(copy, root)
    return program_copies[root]


def find_interpreters():
    listing = subprocess.run(
        [os.path.join(PROJECT, "tools", "pythons"), "list"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    found = []
    for line in listing.splitlines():
        version, root, path = line.split("\t")
        interpreter = Interpreter(version, None if root == "-" else root, path)
        if interpreter.minor in SUPPORTED and (root == "-" or os.geteuid() == 0):
            found.append(interpreter)
    return sorted(found, key=lambda one: (one.minor, one.name))


interpreter_list = None


def interpreters(minimum=(2, 7)):
    """All that this machine has. PYEBPF_TEST_PYTHONS, versions separated by commas, narrows them while debugging a test."""
    global interpreter_list
    if interpreter_list is None:
        interpreter_list = find_interpreters()
        wanted = os.environ.get("PYEBPF_TEST_PYTHONS")
        if wanted:
            interpreter_list = [one for one in interpreter_list if one.version in wanted.split(",")]
    return [one for one in interpreter_list if one.minor >= minimum]


def one_interpreter(minor=None):
    """Any, or one of the minor version; a test that needs just some Python takes the running version's."""
    minor = minor or sys.version_info[:2]
    for interpreter in interpreters():
        if interpreter.minor == minor and interpreter.root is None:
            return interpreter
    raise unittest.SkipTest("no Python %d.%d on this machine" % minor)


def missing_versions(found):
    present = {one.minor for one in found}
    return [minor for minor in SUPPORTED if minor not in present]


# ---- target programs


def environment(**extra):
    return dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONHASHSEED="0", **extra)


class Lines:
    """Reads a stream in a thread, line by line, so that a test can wait for a line and never blocks the writer."""

    def __init__(self, stream):
        self.seen = []
        self.queue = queue.Queue()
        self.thread = threading.Thread(target=self.read, args=(stream,), daemon=True)
        self.thread.start()

    def read(self, stream):
        for line in stream:
            self.queue.put(line)
        stream.close()
        self.queue.put(None)

    def next(self):
        line = self.queue.get(timeout=HANG_SECONDS)
        if line is not None:
            self.seen.append(line)
        return line

    def wait_for(self, pattern):
        expression = re.compile(pattern)
        while True:
            line = self.next()
            if line is None:
                raise AssertionError("no line matches %r in:\n%s" % (pattern, "".join(self.seen)))
            if expression.search(line):
                return line

    def rest(self):
        while self.next() is not None:
            pass
        return "".join(self.seen)


class Target:
    """A running test program. Leaving the `with` block ends it."""

    def __init__(self, command):
        self.command = command
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=environment()
        )
        self.pid = self.process.pid
        self.lines = Lines(self.process.stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def wait_ready(self):
        self.lines.wait_for("^ready$")
        return self

    def finish(self):
        """Waits for its end and returns what it reported about itself."""
        output = self.lines.rest()
        status = self.process.wait(timeout=HANG_SECONDS)
        if status != 0:
            raise AssertionError("%s ended with %d:\n%s" % (self.command, status, output))
        return last_report(output)


def start(interpreter, program, *arguments):
    return Target(interpreter.command(program, *arguments)).wait_ready()


def last_report(output):
    """The JSON object on the last line of a program's output, None if there is none."""
    lines = output.splitlines()
    return json.loads(lines[-1]) if lines and lines[-1].startswith("{") else None


# ---- running pyebpf


class Recording:
    """What `pyebpf record` left behind."""

    def __init__(self, status, stdout, stderr, folded, statistics):
        self.status = status
        self.stdout = stdout
        self.stderr = stderr
        self.stacks = Stacks.parse(folded) if folded is not None else None
        self.document = statistics

    def statistic(self, name):
        return self.document["statistics"][name]["value"]

    def losses(self):
        """Names and values of all imperfections that were counted."""
        return {
            name: entry["value"]
            for name, entry in self.document["statistics"].items()
            if entry["loss"] and entry["value"]
        }

    def process(self, pid):
        """The entry of this pid; if it ran several programs one after the other, that with the most samples."""
        found = [entry for entry in self.document["processes"] if entry["pid"] == pid]
        return max(found, key=lambda entry: entry["samples"])


class Profiler:
    """A running `pyebpf record` that writes collapsed stacks and statistics to a folder of its own."""

    def __init__(self, *options, command=None, output="out.folded", setup=None):
        self.folder = tempfile.mkdtemp(prefix="pyebpf-test-")
        self.output = os.path.join(self.folder, output)
        self.statistics = os.path.join(self.folder, "statistics.json")
        arguments = [pyebpf_path(), "record", "-o", self.output, "--stats", self.statistics]
        arguments += [str(option) for option in options]
        if command:
            arguments += ["--"] + command
        self.process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            preexec_fn=setup,
        )
        self.pid = self.process.pid
        self.stdout = Lines(self.process.stdout)
        self.stderr = Lines(self.process.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait_recording(self):
        wait_until_sampling(self.process)
        return self

    def send(self, number):
        self.process.send_signal(number)

    def stop(self):
        self.send(signal.SIGINT)

    def finish(self):
        stdout, stderr = self.stdout.rest(), self.stderr.rest()
        status = self.process.wait(timeout=HANG_SECONDS)
        folded = read_if_there(self.output)
        statistics = read_if_there(self.statistics)
        return Recording(status, stdout, stderr, folded, json.loads(statistics) if statistics else None)


def wait_until_sampling(process):
    """From when it samples, and not before, `pyebpf record` takes SIGINT and SIGTERM itself: its signalfd says so."""
    folder = "/proc/%d/fd" % process.pid
    deadline = time.monotonic() + HANG_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError("pyebpf ended with %d before it sampled" % process.returncode)
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(folder):
                if os.readlink(os.path.join(folder, name)) == "anon_inode:[signalfd]":
                    return
        os.sched_yield()
    raise AssertionError("pyebpf does not begin to sample")


def read_if_there(path):
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


# Runs pyebpf with the kernel's list of tracepoints mounted, for it alone.
WITH_TRACEFS = """#!/bin/sh
exec unshare --mount sh -c 'mountpoint -q "$1" || mount -t tracefs tracefs "$1"; shift; exec "$@"' sh /sys/kernel/tracing %s "$@"
"""


@contextlib.contextmanager
def tracefs_mounted():
    with tempfile.TemporaryDirectory(prefix="pyebpf-test-") as folder:
        path = os.path.join(folder, "pyebpf")
        with open(path, "w", encoding="utf-8") as script:
            script.write(WITH_TRACEFS % shlex.quote(pyebpf_path()))
        os.chmod(path, 0o755)
        with unittest.mock.patch.dict(os.environ, PYEBPF=path):
            yield


def record(*options, command=None):
    with Profiler(*options, command=command) as profiler:
        return profiler.finish()


def run_pyebpf(*arguments, **popen_options):
    """For what ends by itself: bad input, doctor, --version."""
    popen_options.setdefault("input", "")
    return subprocess.run(
        [pyebpf_path()] + [str(argument) for argument in arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=HANG_SECONDS,
        **popen_options,
    )


BATCH = 5  # interpreters that run at the same time; more would leave each of them too few samples


def record_each(found, program, *arguments, options=(), frequency=997, batch=BATCH):
    """Runs `program` under all interpreters as children of one recorded command, a batch at a time.

    Yields (interpreter, its stacks, its own report, the recording). 997 is prime: the sampling does not beat with the timer
    tick or with a round period of a program.
    """
    for begin in range(0, len(found), batch):
        group = found[begin : begin + batch]
        with tempfile.TemporaryDirectory(prefix="pyebpf-test-") as folder:
            parts = []
            for index, interpreter in enumerate(group):
                command = shlex.join(interpreter.command(program, *arguments))
                base = os.path.join(folder, str(index))
                # The subshell's pid becomes the interpreter's: exec.
                parts.append(
                    "(sh -c 'echo $PPID' >%s.pid; exec %s >%s.out 2>%s.err) &" % (base, command, base, base)
                )
            script = "\n".join(parts + ["wait"])
            recording = record(
                "--per-process", "--per-thread", "-F", frequency, *options, command=["sh", "-c", script]
            )
            if recording.status != 0:
                raise AssertionError("record ended with %d:\n%s" % (recording.status, recording.stderr))
            for index, interpreter in enumerate(group):
                base = os.path.join(folder, str(index))
                pid = int(read_if_there(base + ".pid"))
                output, errors = read_if_there(base + ".out"), read_if_there(base + ".err")
                if "ready" not in output:
                    raise AssertionError("%s did not run under %s:\n%s" % (program, interpreter.name, errors))
                yield Run(interpreter, pid, recording.stacks.of_pid(pid), last_report(output), recording)


Run = collections.namedtuple("Run", "interpreter pid stacks report recording")


# ---- assertions


class RootTestCase(unittest.TestCase):
    """A test that samples for real."""

    # What was sampled but did not arrive, or not whole, or could not be attributed. Stacks that are incomplete for a reason of
    # their own (code without unwind information, memory that is not there, the few instructions in which 3.11 and 3.12 have a
    # frame pointer that points nowhere) are counted under other names.
    TRANSPORT_LOSSES = [
        "ticks_lost",
        "stack_parts_missing",
        "process_events_lost",
        "records_malformed",
        "forks_failed",
    ]

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            if IN_CI:
                raise AssertionError("needs root, and CI runs may not skip")
            raise unittest.SkipTest("needs root")

    def assert_nothing_lost(self, recording):
        lost = {name: recording.statistic(name) for name in self.TRANSPORT_LOSSES if recording.statistic(name)}
        self.assertEqual(lost, {}, "lost samples or stacks; all imperfections: %s" % recording.losses())

    def assert_status(self, recording, status):
        self.assertEqual(recording.status, status, "stderr:\n" + recording.stderr)

    def assert_share(self, part, whole, share, slack=0.0, sigmas=5.0, context=""):
        """part / whole is `share` within the sampling error (stacks.share_bound) and `slack`, the program's own error."""
        self.assertGreater(whole, 0, "no samples at all. " + context)
        bound = share_bound(share, whole, sigmas) + slack
        measured = part / whole
        self.assertLessEqual(
            abs(measured - share),
            bound,
            "share %.4f of %d samples, expected %.4f +- %.4f. %s" % (measured, whole, share, bound, context),
        )

    def assert_enough(self, stacks, count, context=""):
        self.assertGreaterEqual(stacks.count, count, "too few samples. %s\n%s" % (context, stacks.describe()))


def bpf_programs():
    """Ids of the BPF programs in the kernel."""
    listing = subprocess.run(
        ["bpftool", "-j", "prog", "show"], stdout=subprocess.PIPE, text=True, timeout=HANG_SECONDS, check=True
    ).stdout
    return {program["id"] for program in json.loads(listing)}


def bpf_programs_of(pid):
    """Of these, the ones that a process holds by its descriptors of programs and links."""
    found = set()
    for path in glob.glob("/proc/%d/fdinfo/*" % pid):
        with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as stream:
            found.update(int(line.split()[1]) for line in stream if line.startswith("prog_id:"))
    return found
