# SPDX-License-Identifier: Apache-2.0
"""Collapsed stacks as the tests read them: parsing, matching, and shares with their statistical bounds.

A line is "root;...;leaf count" with frames

    function (file:line)     Python
    function (module)        native; " (module)_[k]" or "_[k]" kernel; "_[i]" inlined
    [unknown: reason]        code without a name, with its module as above if it has one
    [text]                   a marker, such as a truncation
    name (pid N)             root frame of --per-process
    name (tid N)             root frame of --per-thread
"""
import collections
import math
import os
import re

PROCESS_FRAME = re.compile(r"^(?P<name>.*) \(pid (?P<id>\d+)\)$")
THREAD_FRAME = re.compile(r"^(?P<name>.*) \(tid (?P<id>\d+)\)$")
LOCATED_FRAME = re.compile(r"^(?P<function>.*) \((?P<file>.*):(?P<line>\d+)\)$")
MODULE_FRAME = re.compile(r"^(?P<function>.*) \((?P<module>[^()]*)\)$")
ESCAPE = re.compile(r"\\x([0-9a-f]{2})")

Frame = collections.namedtuple("Frame", "kind function file line module")


def unescape(text):
    return ESCAPE.sub(lambda match: chr(int(match.group(1), 16)), text)


def parse_frame(text):
    if text.endswith("_[k]"):
        return Frame("kernel", MODULE_FRAME.sub(r"\g<function>", text[: -len("_[k]")]), "", 0, "kernel")
    if text.endswith("_[i]"):
        text = text[: -len("_[i]")]
    if text.startswith("[") and text.endswith("]") and not text.startswith("[unknown"):
        return Frame("marker", text, "", 0, "")
    located = LOCATED_FRAME.match(text)
    if located:
        function, path = unescape(located["function"]), unescape(located["file"])
        return Frame("python", function, path, int(located["line"]), "")
    module = MODULE_FRAME.match(text)
    if module:
        return Frame("native", unescape(module["function"]), "", 0, unescape(module["module"]))
    return Frame("native", unescape(text), "", 0, "")


class Stack:
    """One line. pid and tid are None unless the recording was asked for them; frames are root first."""

    def __init__(self, line):
        text, count = line.rsplit(" ", 1)
        self.count = int(count)
        self.pid = self.tid = self.process_name = self.thread_name = None
        parts = text.split(";")
        process = PROCESS_FRAME.match(parts[0])
        if process:
            self.pid, self.process_name = int(process["id"]), process["name"]
            parts.pop(0)
        thread = THREAD_FRAME.match(parts[0]) if parts else None
        if thread:
            self.tid, self.thread_name = int(thread["id"]), thread["name"]
            parts.pop(0)
        self.frames = [parse_frame(part) for part in parts]

    @property
    def python(self):
        return [frame for frame in self.frames if frame.kind == "python"]

    @property
    def names(self):
        """Names of the Python functions, root first."""
        return [frame.function for frame in self.frames if frame.kind == "python"]

    @property
    def leaf(self):
        return self.frames[-1] if self.frames else None

    def has(self, *names):
        """The Python functions `names` occur in this order (not necessarily next to each other)."""
        rest = iter(self.names)
        return all(any(matches(shown, name) for shown in rest) for name in names)

    def has_any(self, pattern):
        """Some frame, of whatever kind, has a function or module that the regular expression finds."""
        expression = re.compile(pattern)
        return any(expression.search(frame.function) or expression.search(frame.module) for frame in self.frames)

    def __str__(self):
        names = [
            "%s:%d" % (frame.function, frame.line) if frame.kind == "python" else "{%s}" % frame.function
            for frame in self.frames
        ]
        if len(names) > 40:
            names[20:-15] = ["... %d frames ..." % (len(names) - 35)]
        return "%6d  %s" % (self.count, " > ".join(name if len(name) <= 100 else name[:100] + "..." for name in names))


def matches(shown, name):
    """A shown function is `name`: qualified since 3.11, before that the last part, maybe after a class name."""
    return shown == name or last_part(shown) == last_part(name) and ("." not in shown or "." not in name)


def last_part(name):
    return name.rsplit(".", 1)[-1]


def same_function(shown, qualified_name, minor):
    """Exact for versions whose code objects keep the qualified name, (3, 11) and later."""
    if minor >= (3, 11):
        return shown == qualified_name
    return last_part(shown) == last_part(qualified_name)


class Stacks:
    """A set of stacks; filters return another one."""

    def __init__(self, stacks):
        self.stacks = list(stacks)

    @classmethod
    def parse(cls, text):
        return cls(Stack(line) for line in text.splitlines() if line)

    def __iter__(self):
        return iter(self.stacks)

    @property
    def count(self):
        return sum(stack.count for stack in self.stacks)

    def where(self, condition):
        return Stacks(stack for stack in self.stacks if condition(stack))

    def of_pid(self, *pids):
        return self.where(lambda stack: stack.pid in pids)

    def having(self, *names):
        return self.where(lambda stack: stack.has(*names))

    def in_file(self, program):
        """Stacks with a Python frame of a file of this name."""
        return self.where(lambda stack: any(os.path.basename(frame.file) == program for frame in stack.python))

    def markers(self):
        """How often each marker frame was seen."""
        found = collections.Counter()
        for stack in self.stacks:
            for frame in stack.frames:
                if frame.kind == "marker":
                    found[frame.function] += stack.count
        return found

    def describe(self, limit=12):
        """The most frequent stacks, for the message of a failed assertion."""
        ordered = sorted(self.stacks, key=lambda stack: -stack.count)
        lines = [str(stack) for stack in ordered[:limit]]
        if len(ordered) > limit:
            lines.append("... and %d more stacks" % (len(ordered) - limit))
        return "\n".join(lines)


def share_bound(share, samples, sigmas=5.0):
    """How far a measured share may be from the true one, if each of n samples hits with probability p: k standard deviations.

    Sampling at fixed intervals errs less than independent samples do, so the bound is on the safe side. Five standard
    deviations are exceeded by chance once in 1.7 million comparisons. p is kept off 0 and 1 by one sample, where the normal
    distribution is no model.
    """
    if samples <= 0:
        return 1.0
    probability = min(max(share, 1.0 / samples), 1 - 1.0 / samples)
    return sigmas * math.sqrt(max(probability * (1 - probability), 0) / samples)
