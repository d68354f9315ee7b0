# SPDX-License-Identifier: Apache-2.0
"""threads_gil.py SECONDS N: N threads named worker-0 to worker-(N-1) compete for the GIL (N at most 4, default 3).

Thread i runs worker_i, so that its stack tells it apart. Reports the CPU time of each, measured by itself.
"""
import threading

from common import clock, int_argument, ready, report, seconds_argument, thread_cpu_clock

cpu_seconds = {}


def spin(end):
    while clock() < end:
        pass


def worker_0(end):
    spin(end)


def worker_1(end):
    spin(end)


def worker_2(end):
    spin(end)


def worker_3(end):
    spin(end)


WORKERS = (worker_0, worker_1, worker_2, worker_3)


def run_worker(index, end):
    begin = thread_cpu_clock()
    WORKERS[index](end)
    cpu_seconds["worker_%d" % index] = thread_cpu_clock() - begin


def main():
    count = int_argument(2, 3)
    ready()
    end = clock() + seconds_argument()
    threads = [
        threading.Thread(target=run_worker, name="worker-%d" % index, args=(index, end))
        for index in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report({"cpu_seconds": cpu_seconds})


if __name__ == "__main__":
    main()
