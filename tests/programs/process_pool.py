# SPDX-License-Identifier: Apache-2.0
"""process_pool.py SECONDS N METHOD: a multiprocessing pool of N processes (default 2) runs pool_task.

METHOD is fork (default), spawn or forkserver; 2.7 knows only fork. Reports the pids of the processes that did the work.
"""
import multiprocessing
import os
import sys

from common import clock, int_argument, ready, report, seconds_argument


def pool_task(seconds):
    end = clock() + seconds
    while clock() < end:
        pass
    return os.getpid()


def main():
    count = int_argument(2, 2)
    method = sys.argv[3] if len(sys.argv) > 3 else "fork"
    context = multiprocessing
    if hasattr(multiprocessing, "get_context"):
        context = multiprocessing.get_context(method)
    ready()
    pool = context.Pool(count)
    pids = pool.map(pool_task, [seconds_argument()] * count, 1)
    pool.close()
    pool.join()
    report({"pids": sorted(set(pids))})


if __name__ == "__main__":
    main()
