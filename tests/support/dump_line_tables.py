# SPDX-License-Identifier: Apache-2.0
"""Writes the location table of every code object of the running interpreter's standard library to stdout, with what the
interpreter itself says about it: dis.findlinestarts (2.7 - 3.9), co_lines (3.10), co_positions (3.11+).

Runs under 2.7 and 3.6 to 3.15. Read by tests/unit/python/line_table_property.cpp. Little-endian, 32-bit unless noted:

    "PYLT" major minor
    code object:  u8 1, first line, table bytes, code bytes, ranges, table,
                  ranges x (begin, end, line, end line, column, end column)     NOT_KNOWN where there is none
    end:          u8 0, files compiled, files that do not compile
"""
from __future__ import print_function

import dis
import itertools
import marshal
import os
import struct
import sys
import sysconfig
import warnings

if sys.version_info >= (3,):
    from importlib.util import MAGIC_NUMBER, cache_from_source
else:
    import imp

    MAGIC_NUMBER = imp.get_magic()

    def cache_from_source(path):
        return path + "c"


NOT_KNOWN = -2147483648
# Before the code object in a .pyc file.
HEADER_BYTES = 16 if sys.version_info >= (3, 7) else 12 if sys.version_info >= (3,) else 8


def line_starts(code):
    """Ranges from dis.findlinestarts: a line holds up to the next start; before the first one, the first line."""
    end_of_code = len(code.co_code)
    starts = [(begin, line) for begin, line in dis.findlinestarts(code) if begin < end_of_code]
    if not starts or starts[0][0] > 0:
        starts.insert(0, (0, code.co_firstlineno))
    ends = [begin for begin, _ in starts[1:]] + [end_of_code]
    return [(begin, end, line, NOT_KNOWN, NOT_KNOWN, NOT_KNOWN) for (begin, line), end in zip(starts, ends)]


def lines(code):
    return [
        (begin, end, NOT_KNOWN if line is None else line, NOT_KNOWN, NOT_KNOWN, NOT_KNOWN)
        for begin, end, line in code.co_lines()
        if begin < end
    ]


def positions(code):
    """Ranges from co_positions, which yields one position per code unit of two bytes."""
    ranges = []
    begin = 0
    for position, units in itertools.groupby(code.co_positions()):
        end = begin + 2 * len(list(units))
        line, end_line, column, end_column = [NOT_KNOWN if number is None else number for number in position]
        ranges.append((begin, end, line, end_line, column, end_column))
        begin = end
    return ranges


def expected_ranges(code):
    if sys.version_info >= (3, 11):
        return positions(code)
    if sys.version_info >= (3, 10):
        return lines(code)
    return line_starts(code)


def write_code(out, code):
    table = code.co_linetable if sys.version_info >= (3, 10) else code.co_lnotab
    ranges = expected_ranges(code)
    out.write(struct.pack("<Biiii", 1, code.co_firstlineno, len(table), len(code.co_code), len(ranges)))
    out.write(table)
    for one in ranges:
        out.write(struct.pack("<6i", *one))


def write_all(out, code):
    pending = [code]
    while pending:
        code = pending.pop()
        write_code(out, code)
        pending.extend(constant for constant in code.co_consts if isinstance(constant, type(code)))


def sources(folder):
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in ("site-packages", "dist-packages", "__pycache__"))
        for name in sorted(files):
            if name.endswith(".py"):
                yield os.path.join(root, name)


def installed_code(path):
    """What this very Python compiled when it was installed; None if it did not."""
    try:
        with open(cache_from_source(path), "rb") as stream:
            if stream.read(HEADER_BYTES)[:4] == MAGIC_NUMBER:
                return marshal.load(stream)
    except (IOError, ValueError, EOFError, TypeError):
        pass
    return None


def compile_file(path):
    """None if the file does not compile: the library has bad files on purpose (lib2to3, test/badsyntax_*)."""
    with open(path, "rb") as stream:
        text = stream.read()
    try:
        return compile(text, path, "exec", 0, True)
    except (SyntaxError, ValueError, TypeError, MemoryError, RuntimeError):
        return None


def main():
    if len(sys.argv) > 2 or sys.argv[1:] == ["--help"]:
        print(__doc__)
        return 2
    warnings.simplefilter("ignore")
    folder = sys.argv[1] if len(sys.argv) == 2 else sysconfig.get_path("stdlib")
    out = getattr(sys.stdout, "buffer", sys.stdout)
    out.write(struct.pack("<4sii", b"PYLT", sys.version_info[0], sys.version_info[1]))
    compiled = failed = 0
    for path in sources(folder):
        code = installed_code(path) or compile_file(path)
        if code is None:
            failed += 1
            continue
        compiled += 1
        write_all(out, code)
    out.write(struct.pack("<Bii", 0, compiled, failed))
    out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
