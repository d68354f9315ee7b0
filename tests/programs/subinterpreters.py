# SPDX-License-Identifier: Apache-2.0
"""subinterpreters.py SECONDS: works in a sub-interpreter on the main thread, then in another one on a thread of its own.

Needs 3.8, whose private module for them kept its functions since.
"""
import threading

from common import ready, report, seconds_argument

try:
    import _interpreters as interpreters  # 3.13+
except ImportError:
    import _xxsubinterpreters as interpreters

SOURCE = """
import time

def inner_%(name)s(end):
    while time.monotonic() < end:
        pass

def outer_%(name)s(end):
    inner_%(name)s(end)

outer_%(name)s(time.monotonic() + %(seconds)f)
"""


def work_in_another(name, seconds):
    interpreters.run_string(interpreters.create(), SOURCE % {"name": name, "seconds": seconds})


def main():
    seconds = seconds_argument() / 2
    ready()
    work_in_another("first", seconds)
    thread = threading.Thread(target=work_in_another, args=("second", seconds))
    thread.start()
    thread.join()
    report({})


if __name__ == "__main__":
    main()
