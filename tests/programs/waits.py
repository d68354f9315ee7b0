# SPDX-License-Identifier: Apache-2.0
"""Waits of one known cause.

usage: waits.py CAUSE COUNT MILLISECONDS

Waits COUNT times, each time in wait_CAUSE() and for about MILLISECONDS, and reports {"waited": seconds, "elapsed": seconds, "tid":
thread, "ran": seconds}: what it measured itself around the waits, and in measure(); and the CPU time within the waits (from
3.7 on). Python 2.7 to 3.15. What a helper thread
or process does is in functions of other names.
"""
import ctypes
import json
import os
import select
import socket
import sys
import threading
import time

CLOCK = getattr(time, "perf_counter", time.time)
CPU_CLOCK = getattr(time, "thread_time", lambda: 0.0)
SYS_GETTID = 186  # x86-64


class Waits(object):
    def __init__(self, seconds):
        self.seconds = seconds

    def helper(self, target):
        thread = threading.Thread(target=target)
        thread.daemon = True
        thread.start()
        return thread


class Sleep(Waits):
    def wait_sleep(self):
        time.sleep(self.seconds)


class Lock(Waits):
    def __init__(self, seconds):
        Waits.__init__(self, seconds)
        self.lock = threading.Lock()
        self.taken = threading.Semaphore(0)
        self.wanted = threading.Semaphore(0)
        self.helper(self.hold)

    def hold(self):
        while True:
            self.wanted.acquire()
            self.lock.acquire()
            self.taken.release()
            time.sleep(self.seconds)
            self.lock.release()

    def prepare(self):
        self.wanted.release()
        self.taken.acquire()

    def wait_lock(self):
        self.lock.acquire()
        self.lock.release()


class Gil(Waits):
    """The helper sleeps in C without giving the GIL away (PyDLL)."""

    def __init__(self, seconds):
        Waits.__init__(self, seconds)
        self.held = ctypes.PyDLL(None)
        self.wanted, self.wake = os.pipe()
        self.helper(self.hold_gil)

    def hold_gil(self):
        while True:
            os.read(self.wanted, 1)
            self.held.usleep(int(self.seconds * 1e6))

    def wait_gil(self):
        os.write(self.wake, b"x")
        end = CLOCK() + self.seconds
        while CLOCK() < end:
            os.getpgid(0)
            select.select([], [], [], 0)


class Pipe(Waits):
    def __init__(self, seconds):
        Waits.__init__(self, seconds)
        self.reader, self.writer = self.channel()
        self.wanted = threading.Semaphore(0)
        self.helper(self.answer)

    def channel(self):
        return os.pipe()

    def send(self):
        os.write(self.writer, b"x")

    def answer(self):
        while True:
            self.wanted.acquire()
            time.sleep(self.seconds)
            self.send()

    def prepare(self):
        self.wanted.release()

    def wait_pipe(self):
        os.read(self.reader, 1)


class Poll(Pipe):
    def wait_poll(self):
        other, unused = os.pipe()
        select.select([self.reader, other], [], [])
        os.close(other)
        os.close(unused)
        os.read(self.reader, 1)


class Network(Pipe):
    def channel(self):
        server = socket.socket()
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        client = socket.create_connection(server.getsockname())
        client.settimeout(None)
        return server.accept()[0], client

    def send(self):
        self.writer.send(b"x")

    def wait_network(self):
        self.reader.recv(1)


class Child(Waits):
    def prepare(self):
        self.child = os.fork()
        if not self.child:
            time.sleep(self.seconds)
            os._exit(0)

    def wait_child(self):
        os.waitpid(self.child, 0)


class Disk(Waits):
    """Until the file is on the disk: as long as that takes."""

    def __init__(self, seconds):
        Waits.__init__(self, seconds)
        self.file = os.open(os.environ["WAITS_FILE"], os.O_RDWR | os.O_CREAT)

    def prepare(self):
        os.lseek(self.file, 0, 0)
        os.write(self.file, os.urandom(1 << 20))

    def wait_disk(self):
        os.fsync(self.file)


class Queue(Waits):
    """Another process has the CPU for half of the time."""

    def __init__(self, seconds):
        Waits.__init__(self, seconds)
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
        self.rival = os.fork()
        if not self.rival:
            while os.getppid() != 1:
                self.spin_beside()
            os._exit(0)

    def spin_beside(self):
        for _ in range(100000):
            pass

    def wait_queue(self):
        end = CLOCK() + self.seconds
        while CLOCK() < end:
            pass

    def close(self):
        os.kill(self.rival, 9)
        os.waitpid(self.rival, 0)


def prepare(kind, seconds):
    """Imports, threads and sockets, which may be preempted too: no part of what is measured."""
    return kind(seconds)


def measure():
    cause, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) * 1e-3
    kinds = {"sleep": Sleep, "lock": Lock, "gil": Gil, "pipe": Pipe, "poll": Poll, "network": Network,
             "child": Child, "disk": Disk, "queue": Queue}
    begin = CLOCK()
    print("ready")
    sys.stdout.flush()
    waits = prepare(kinds[cause], seconds)
    wait = getattr(waits, "wait_" + cause)
    waited = ran = 0.0
    for _ in range(count):
        getattr(waits, "prepare", lambda: None)()
        start, start_cpu = CLOCK(), CPU_CLOCK()
        wait()
        waited += CLOCK() - start
        ran += CPU_CLOCK() - start_cpu
    getattr(waits, "close", lambda: None)()
    tid = ctypes.CDLL(None).syscall(SYS_GETTID)
    print(json.dumps({"waited": waited, "ran": ran, "elapsed": CLOCK() - begin, "tid": tid}))


measure()
