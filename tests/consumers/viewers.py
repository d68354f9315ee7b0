# SPDX-License-Identifier: Apache-2.0
"""Runs the programs that read our formats, and reads what they say. Nothing here knows pyebpf.

The packages of package-lock.json are installed into a work folder when that file has changed; programs that Debian has must be
there. What is missing is an error, never a reason to pass.
"""
import collections
import contextlib
import glob
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT_SECONDS = 300
Row = collections.namedtuple("Row", "self total")


def need(program, package):
    path = shutil.which(program)
    if not path:
        raise AssertionError("%s is not there: install the package %s" % (program, package))
    return path


def run(command, check=True, **options):
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="surrogateescape",
        timeout=TIMEOUT_SECONDS,
        **options,
    )
    if check and done.returncode != 0:
        raise AssertionError("%s ended with %d:\n%s%s" % (command, done.returncode, done.stdout, done.stderr))
    return done.stdout


# ---- npm packages


class Packages:
    """The node_modules of package-lock.json, in `work`, and the node that it brings (profiler-cli needs 24)."""

    def __init__(self, work):
        self.work = os.path.abspath(work)
        os.makedirs(self.work, exist_ok=True)
        self.install()
        machine = {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]
        self.node = self.path("node-linux-" + machine, "bin", "node")

    def path(self, *parts):
        return os.path.join(self.work, "node_modules", *parts)

    def install(self):
        names = ["package.json", "package-lock.json"]
        installed = os.path.join(self.work, "installed")  # copies of them, made when npm has ended well
        if all(same_content(os.path.join(HERE, name), os.path.join(installed, name)) for name in names):
            return
        shutil.rmtree(installed, ignore_errors=True)
        for name in names:
            shutil.copy(os.path.join(HERE, name), self.work)
        flags = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"]
        run([need("npm", "npm"), "ci"] + flags, cwd=self.work)
        os.makedirs(installed)
        for name in names:
            shutil.copy(os.path.join(HERE, name), installed)

    def run_script(self, name, *arguments, **environment):
        command = [self.node, os.path.join(HERE, name)] + list(arguments)
        return run(command, cwd=self.work, env=dict(os.environ, **environment))


def same_content(one, other):
    with contextlib.suppress(FileNotFoundError):
        with open(one, "rb") as first, open(other, "rb") as second:
            return first.read() == second.read()
    return False


# ---- go tool pprof


class Pprof:
    def __init__(self, path):
        self.path = path

    def call(self, *options):
        command = [need("go", "golang-go"), "tool", "pprof", "-unit=ns", "-nodefraction=0", "-edgefraction=0"]
        with tempfile.TemporaryDirectory() as home:
            environment = dict(os.environ, HOME=home, PPROF_TMPDIR=home)
            return run(command + ["-nodecount=1000000"] + list(options) + [self.path], env=environment)

    def top(self, *options):
        """{function: Row} and the total."""
        text = self.call("-top", *options)
        total = re.search(r"% of ([\d.]+)(?:ns)? total", text)
        rows = {}
        for line in text.splitlines():
            match = re.match(r"\s*([\d.]+)(?:ns)?\s+[\d.]+%\s+[\d.]+%\s+([\d.]+)(?:ns)?\s+[\d.]+%  (.*)", line)
            if match:
                name = re.sub(r" \((partial-)?inline\)$", "", match[3])
                rows[name] = Row(float(match[1]), float(match[2]))
        return rows, float(total[1]) if total else 0.0

    def tags(self, *options):
        """{key: {value: weight}}"""
        result = collections.defaultdict(dict)
        key = None
        for line in self.call("-tags", *options).splitlines():
            head = re.match(r"\s*(\S+): Total", line)
            value = re.match(r"\s*([\d.]+)(?:ns)? \(\s*[\d.]+%\): (.*)", line)
            if head:
                key = head[1]
            elif value and key:
                result[key][value[2]] = float(value[1])
        return result


# ---- Firefox Profiler's command line


class ProfilerCli:
    """One loaded file; leaving the `with` block ends its server."""

    def __init__(self, packages, path):
        self.command = [packages.node, packages.path("@firefox-devtools", "profiler-cli", "dist", "profiler-cli.js")]
        self.folder = tempfile.mkdtemp(prefix="pyebpf-cli-")
        self.environment = dict(os.environ, PROFILER_CLI_SESSION_DIR=self.folder)
        self.load(path)

    def load(self, path):
        """Its server may take longer to start than its client waits; then the client has to be called again."""
        for _ in range(30):
            self.call("load", path, check=False)
            if '"type"' in self.call("profile", "info", "--json", check=False):
                return
        with open(glob.glob(os.path.join(self.folder, "*.log"))[0], encoding="utf-8") as log:
            raise AssertionError("profiler-cli cannot load %s:\n%s" % (path, log.read()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.call("stop", "--all", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, *arguments, check=True):
        session = ["--session", "one"] if arguments[0] != "stop" else []
        return run(self.command + list(arguments) + session, check=check, env=self.environment)

    def document(self, *arguments):
        return json.loads(self.call(*arguments, "--json"))

    def threads(self):
        """(process name, thread) for each; the thread has name, tid and threadHandle."""
        processes = self.document("profile", "info", "--all")["processes"]
        return [(process["name"], thread) for process in processes for thread in process["threads"]]

    def functions(self, thread):
        """{function: Row}"""
        functions = self.document(
            "thread", "functions", "--thread", thread["threadHandle"], "--include-idle", "--limit", "0"
        )["functions"]
        rows = collections.defaultdict(lambda: Row(0, 0))
        for one in functions:
            old = rows[one["name"]]
            rows[one["name"]] = Row(old.self + one["selfSamples"], old.total + one["totalSamples"])
        return rows


# ---- speedscope


def speedscope_tables(packages, paths):
    """For each file, for each of its profiles: rows (name, self text, total text) of the sandwich view."""
    chromium = os.environ.get("CHROMIUM") or need("chromium", "chromium")
    tables = json.loads(packages.run_script("speedscope.mjs", *paths, CHROMIUM=chromium))
    return dict(zip(paths, tables))


# ---- pstats

READ_PSTATS = """
import io, json, pstats, sys
stats = pstats.Stats(sys.argv[1], stream=io.StringIO())
stats.sort_stats("cumulative").print_stats().print_callers().print_callees()
stats.strip_dirs().print_stats()
stats = pstats.Stats(sys.argv[1], stream=io.StringIO())
rows = [[list(key), row[:4], [[list(caller), cost] for caller, cost in row[4].items()]] for key, row in stats.stats.items()]
print(json.dumps({"total": stats.total_tt, "rows": rows}))
"""


def read_pstats(python_command, path):
    """The total, and {(file, line, function): ((calls, calls, self, total), callers)}."""
    document = json.loads(run(python_command + ["-c", READ_PSTATS, path]))
    rows = {tuple(key): (row, {tuple(caller): cost for caller, cost in callers}) for key, row, callers in document["rows"]}
    return document["total"], rows


# ---- callgrind_annotate


def annotate(path, *options):
    """{function: cost of the first event}, and the total."""
    command = [need("callgrind_annotate", "valgrind"), "--threshold=100", "--show-percs=no", "--auto=no"]
    rows = collections.Counter()
    total = 0
    for line in run(command + list(options) + [path]).splitlines():
        match = re.match(r"\s*([\d,]+)\s+(.*)$", line)
        if not match:
            continue
        cost, text = int(match[1].replace(",", "")), match[2]
        if "PROGRAM TOTALS" in text:
            total = cost
            continue
        named = re.match(r"(?:[\d,.]+\s+)*(.*?)(?: \[[^\]]*\].*)?$", text)
        rows[named[1].split(":", 1)[1] if ":" in named[1] else named[1]] += cost
    return rows, total
