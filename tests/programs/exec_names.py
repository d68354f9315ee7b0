# SPDX-License-Identifier: Apache-2.0
"""exec_names.py SECONDS [FILE]: functions made by exec() one after the other, each freed before the next is made.

Number i is named generation_i, its file is FILE (default: <generated-%d>) with the number for %d, and its first line is i + 1, so
a name that was kept from an earlier code object at the same address cannot pass. Apart from that they are alike, and are called
from one place: their stacks differ in nothing else. Reports how often an address came back.
"""
import sys

from common import clock, run_generations

SOURCE = """%(lines)sdef generation_%(index)d(clock, end):
    while clock() < end:
        pass
"""
LIFE_SECONDS = 0.03
FILE = sys.argv[2] if len(sys.argv) > 2 else "<generated-%d>"


def make(index):
    namespace = {}
    source = SOURCE % {"lines": "\n" * index, "index": index}
    exec(compile(source, FILE % index, "exec"), namespace)
    return namespace["generation_%d" % index]


def run_generation(index):
    function = make(index)
    function(clock, clock() + LIFE_SECONDS)
    return id(function.__code__)


if __name__ == "__main__":
    run_generations(run_generation)
