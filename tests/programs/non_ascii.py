# -*- coding: utf-8 -*-
# SPDX-License-Identifier: Apache-2.0
"""non_ascii.py SECONDS: function and file names of every width CPython stores: latin-1, UCS-2 and UCS-4.

2.7 has ASCII identifiers only, but file names are any bytes: there only the files differ.
"""
import sys

from common import clock, ready, report, seconds_argument

SOURCE = """
def {name}(clock, end):
    while clock() < end:
        pass
"""

if sys.version_info[0] >= 3:
    # U+20000: outside the basic plane, a letter, and not changed by the NFKC normalization of identifiers.
    NAMES = [("größe", "maße.py"), ("число", "файл.py"), ("\U00020000", "\U00020001.py")]
else:
    NAMES = [("latin", "maße.py"), ("cyrillic", "файл.py")]


def make(name, path):
    namespace = {}
    exec(compile(SOURCE.format(name=name), path, "exec"), namespace)
    return namespace[name]


def main():
    functions = [make(name, path) for name, path in NAMES]
    seconds = seconds_argument() / len(functions)
    ready()
    for function in functions:
        function(clock, clock() + seconds)
    report({"names": NAMES})


if __name__ == "__main__":
    main()
