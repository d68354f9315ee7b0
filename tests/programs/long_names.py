# SPDX-License-Identifier: Apache-2.0
"""long_names.py SECONDS: a function whose name has 1,500 characters, in a file whose path has 1,300."""
from common import clock, ready, report, seconds_argument

NAME = "long_name_" + "abcdefghij" * 149
PATH = "/" + "/".join(["directory%04d" % i for i in range(92)]) + "/" + "module.py"

SOURCE = """
def %s(clock, end):
    while clock() < end:
        pass
"""


def make():
    namespace = {}
    exec(compile(SOURCE % NAME, PATH, "exec"), namespace)
    return namespace[NAME]


def main():
    function = make()
    ready()
    function(clock, clock() + seconds_argument())
    report({"name": NAME, "path": PATH})


if __name__ == "__main__":
    main()
