# SPDX-License-Identifier: Apache-2.0
"""real_software.py SECONDS: libraries that distributions build, each called from a function named after it.

Needs the packages that tests/runtime/test_real_software.py names; runs each of its ways for an equal share of the time.
"""
import hashlib
import sqlite3
import sys
import zlib

import greenlet
import numpy
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from lxml import etree

from common import clock, ready, report, seconds_argument

DATA = b"".join(str(i * i).encode("ascii") for i in range(100000))
MATRIX = numpy.arange(360000, dtype=float).reshape(600, 600)
DOCUMENT = "<r>%s</r>" % "".join("<a b='%d'>text %d</a>" % (i, i) for i in range(3000))
TREE = etree.fromstring(DOCUMENT)
DATABASE = sqlite3.connect(":memory:")
CIPHER = Cipher(algorithms.AES(bytes(32)), modes.CBC(bytes(16)))
KEY = rsa.generate_private_key(65537, 1600)  # of a size that OpenSSL has no faster multiplication for


def work(value):
    for _ in range(300):
        value ^= 3
    return value


def by_blas():
    numpy.dot(MATRIX, MATRIX)


def by_numpy():
    numpy.sort(MATRIX, axis=None)


def numpy_callback(value):
    return work(int(value))


def by_numpy_callback():
    numpy.apply_along_axis(lambda row: numpy_callback(row[0]), 1, MATRIX[:50, :2])


def by_zlib():
    zlib.compress(DATA[:200000], 9)


def by_hash():
    hashlib.sha512(DATA).digest()


def by_cryptography():
    CIPHER.encryptor().update(DATA[: len(DATA) // 16 * 16])


def by_signature():
    KEY.sign(b"message", padding.PKCS1v15(), hashes.SHA256())


def by_parser():
    etree.fromstring(DOCUMENT)


def xpath_callback(context, nodes):
    return float(work(len(nodes)))


def by_xpath():
    TREE.xpath("a[f:callback(.) > 1]", namespaces={"f": "urn:f"}, extensions={("urn:f", "callback"): xpath_callback})


def sqlite_callback(value):
    return work(value)


def by_sqlite_callback():
    DATABASE.execute("SELECT sum(callback(number)) FROM numbers").fetchall()


def by_sqlite():
    DATABASE.execute("SELECT count(*) FROM numbers a, numbers b WHERE a.number + b.number = 3").fetchall()


def in_greenlet():
    greenlet_work()
    MAIN_GREENLET.switch()
    greenlet_work()


def greenlet_work():
    return [work(i) for i in range(20)]


MAIN_GREENLET = greenlet.getcurrent()


def by_greenlet():
    one = greenlet.greenlet(in_greenlet)
    one.switch()
    between_switches()
    one.switch()


def between_switches():
    return [work(i) for i in range(20)]


def main():
    DATABASE.create_function("callback", 1, sqlite_callback)
    DATABASE.execute("CREATE TABLE numbers (number INTEGER)")
    DATABASE.executemany("INSERT INTO numbers VALUES (?)", [(i,) for i in range(400)])
    ways = [value for name, value in sorted(globals().items()) if name.startswith("by_")]
    ready()
    for way in ways:
        end = clock() + seconds_argument() / len(ways)
        while clock() < end:
            way()
    report({"ways": [way.__name__ for way in ways], "python": "%d.%d" % sys.version_info[:2]})


if __name__ == "__main__":
    main()
