# SPDX-License-Identifier: Apache-2.0
"""exec_classes.py SECONDS FILE: classes made by exec() one after the other, each freed before the next is made.

Number i is Class_i with the method method_i, or just `method` if FILE has no %d for the number. Apart from that they are alike.
Reports how often the address of a method's code came back.
"""
import sys

from common import clock, run_generations

SOURCE = """class Class_%(index)d(object):
    def %(method)s(self, clock, end):
        while clock() < end:
            pass
"""
LIFE_SECONDS = 0.03
FILE = sys.argv[2]


def run_generation(index):
    is_numbered = "%d" in FILE
    method = "method_%d" % index if is_numbered else "method"
    namespace = {}
    source = SOURCE % {"index": index, "method": method}
    exec(compile(source, FILE % index if is_numbered else FILE, "exec"), namespace)
    bound = getattr(namespace["Class_%d" % index](), method)
    bound(clock, clock() + LIFE_SECONDS)
    return id(bound.__code__)


if __name__ == "__main__":
    run_generations(run_generation)
