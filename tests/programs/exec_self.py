# SPDX-License-Identifier: Apache-2.0
"""exec_self.py SECONDS: works in before_exec(), replaces itself by a new interpreter of the same pid, works in after_exec()."""
import os
import sys

from common import clock, ready, report, seconds_argument


def before_exec(end):
    while clock() < end:
        pass


def after_exec(end):
    while clock() < end:
        pass


def main():
    seconds = seconds_argument()
    if "again" not in sys.argv:
        ready()
        before_exec(clock() + seconds)
        os.execv(sys.executable, [sys.executable, sys.argv[0], str(seconds), "again"])
    after_exec(clock() + seconds)
    report({"pid": os.getpid()})


if __name__ == "__main__":
    main()
