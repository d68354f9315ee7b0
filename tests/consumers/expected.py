# SPDX-License-Identifier: Apache-2.0
"""What a profile adds up to, taken from its JSON lines by definition: every sample's stack is walked."""
import collections
import json

Function = collections.namedtuple("Function", "kind name file line module")


class Expected:
    """Weights by unit ("nanoseconds", "cycles"): of all samples, and self and total by function."""

    def __init__(self, path):
        rows = collections.defaultdict(list)
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                rows[row["type"]].append(row)
        self.rows = rows
        self.units = [source["unit"] for source in rows["source"]]
        self.weights = collections.Counter()  # unit
        self.by_source = collections.Counter()  # name of the event source
        self.by_thread = collections.Counter()  # (unit, tid)
        self.self = collections.Counter()  # (unit, Function)
        self.total = collections.Counter()  # (unit, Function)
        self.paths = {}
        for sample in rows["sample"]:
            unit = self.units[sample["source"]]
            path = self.path(sample.get("stack"))
            if sample["state"] != "running":
                path = path + [label("[waits: %s]" % sample["state"])]
            self.weights[unit] += sample["weight"]
            self.by_source[rows["source"][sample["source"]]["name"]] += sample["weight"]
            tid = rows["thread"][sample["thread"]]["tid"] if "thread" in sample else 0
            self.by_thread[unit, tid] += sample["weight"]
            self.self[unit, path[-1]] += sample["weight"]
            for function in set(path):
                self.total[unit, function] += sample["weight"]

    def path(self, stack):
        """The functions of a stack, root first."""
        if stack is None:
            return [label("[no stack]")]
        if stack not in self.paths:
            node = self.rows["stack"][stack]
            parent = self.path(node["parent"]) if "parent" in node else []
            frame = self.rows["frame"][node["frame"]]
            function = Function(
                frame["kind"],
                frame["function"] or "[unknown]",
                frame.get("file", ""),
                frame.get("first_line", 0),
                frame.get("module", ""),
            )
            self.paths[stack] = parent + [function]
        return self.paths[stack]

    def unambiguous(self, unit):
        """{name: (self, total)} of the functions whose name is that of no other function."""
        functions = {function for _, function in self.total}
        names = collections.Counter(function.name for function in functions)
        return {
            function.name: (self.self[unit, function], self.total[unit, function])
            for function in functions
            if names[function.name] == 1 and self.total[unit, function]
        }


def label(name):
    return Function("marker", name, "", 0, "")
