# SPDX-License-Identifier: Apache-2.0
"""fork_children.py SECONDS N: forks N children (default 3) that never exec, as prefork servers do.

Parent and children run different functions, first called after the fork. Reports the pids.
"""
import os

from common import clock, int_argument, ready, report, seconds_argument


def parent_work(end):
    while clock() < end:
        pass


def child_work(end):
    while clock() < end:
        pass


def main():
    count = int_argument(2, 3)
    ready()
    end = clock() + seconds_argument()
    children = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            child_work(end)
            os._exit(0)
        children.append(pid)
    parent_work(end)
    for pid in children:
        os.waitpid(pid, 0)
    report({"parent": os.getpid(), "children": children})


if __name__ == "__main__":
    main()
