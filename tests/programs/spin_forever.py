# SPDX-License-Identifier: Apache-2.0
"""spin_forever.py FOLDER WAY: a way of extension_calls.py that stays in its leaf, or a callback out of a library that does."""
import ctypes
import sqlite3
import sys

sys.argv.insert(1, "0")  # SECONDS of extension_calls.py
import extension_calls
from common import ready

FOREVER = 1 << 60


def spin(*_):
    extension_calls.frames.spin(FOREVER)
    return 0


def by_sqlite():
    database = sqlite3.connect(":memory:")
    database.create_function("spin", 1, spin)
    database.execute("SELECT spin(1)").fetchall()


def by_ctypes():
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(spin)
    ctypes.CDLL(None).qsort((ctypes.c_int * 4)(4, 3, 2, 1), ctypes.c_size_t(4), ctypes.c_size_t(4), compare)


def by_sort():
    sorted([3, 2, 1], key=spin)


def by_numpy():
    import numpy

    numpy.frompyfunc(spin, 1, 1)(numpy.arange(3))


def by_lxml():
    from lxml import etree

    tree = etree.fromstring("<r><a/></r>")
    tree.xpath("a[f:spin(.)]", namespaces={"f": "urn:f"}, extensions={("urn:f", "spin"): spin})


def main():
    extension_calls.LOOPS = FOREVER
    way = sys.argv[3]
    function = globals().get(way) or getattr(extension_calls, way)
    ready()
    function()


if __name__ == "__main__":
    main()
