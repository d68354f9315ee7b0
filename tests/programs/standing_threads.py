# SPDX-License-Identifier: Apache-2.0
"""standing_threads.py SECONDS [COUNT]: threads that stand still, each in a place of its own, until the time is over.

Without COUNT they are called sleeper, locker, reader, receiver, poller and gil-waiter, and the main thread, holder, sleeps in C
without giving the GIL away; gil-waiter wants it. With COUNT they are that many sleepers, sleeper-0 to sleeper-(COUNT-1), five
functions deep, and the main thread sleeps too. The kernel knows the threads by these names. "stands:NAME" marks the line in which
a thread stands.
"""
import ctypes
import os
import select
import socket
import sys
import threading
import time

from common import clock, int_argument, ready, seconds_argument

PR_SET_NAME = 15  # include/uapi/linux/prctl.h
C = ctypes.CDLL(None)
C_WITH_GIL = ctypes.PyDLL(None)

started = threading.Semaphore(0)


def set_name(name):
    C.prctl(PR_SET_NAME, name.encode("ascii"), 0, 0, 0)


def sleeper(seconds):
    time.sleep(seconds)  # stands:sleeper


def locker(seconds):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()  # stands:locker


def reader(seconds):
    incoming, outgoing = os.pipe()
    os.read(incoming, 1)  # stands:reader


def receiver(seconds):
    one, other = socket.socketpair()
    one.settimeout(seconds)  # it polls this one descriptor
    one.recv(1)  # stands:receiver


def poller(seconds):
    first, second = os.pipe(), os.pipe()
    select.select([first[0], second[0]], [], [])  # stands:poller


def gil_waiter(seconds):
    end = clock() + seconds
    while clock() < end:
        select.select([], [], [], 0)


def run_thread(name, function, seconds):
    set_name(name)
    started.release()
    function(seconds)


def start_thread(name, function, seconds):
    thread = threading.Thread(target=run_thread, name=name, args=(name, function, seconds))
    thread.daemon = True
    thread.start()
    started.acquire()


def deeper(depth, seconds):
    if depth:
        deeper(depth - 1, seconds)
    else:
        sleeper(seconds)


def deep_sleeper(seconds):
    deeper(3, seconds)


def hold_gil(seconds):
    end = clock() + seconds
    if hasattr(sys, "setswitchinterval"):
        sys.setswitchinterval(seconds)  # or gil-waiter wakes up every 5 ms, and runs then
        C_WITH_GIL.usleep(20000)  # until its last short wait is over
    ready()
    while clock() < end:
        C_WITH_GIL.usleep(400000)  # stands:holder


def main():
    seconds = seconds_argument()
    count = int_argument(2, 0)
    if count:
        for index in range(count):
            start_thread("sleeper-%d" % index, deep_sleeper, seconds)
        time.sleep(0.1)
        ready()
        time.sleep(seconds)
        return
    functions = [("sleeper", sleeper), ("locker", locker), ("reader", reader), ("receiver", receiver), ("poller", poller)]
    for name, function in functions:
        start_thread(name, function, seconds)
    time.sleep(0.1)  # until they all stand
    set_name("holder")
    start_thread("gil-waiter", gil_waiter, seconds)
    hold_gil(seconds)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
