# SPDX-License-Identifier: Apache-2.0
"""Two processes hand a byte to and fro through pipes: two switches a round. usage: ping_pong.py ROUNDS"""
import ctypes
import json
import os
import sys
import time

CLOCK = getattr(time, "perf_counter", time.time)
SYS_GETTID = 186  # x86-64


def pong(receive, send, rounds):
    for _ in range(rounds):
        os.read(receive, 1)
        os.write(send, b"x")


def ping(receive, send, rounds):
    for _ in range(rounds):
        os.write(send, b"x")
        os.read(receive, 1)


def main():
    rounds = int(sys.argv[1])
    to_child, from_parent = os.pipe()
    to_parent, from_child = os.pipe()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    if os.geteuid() == 0:
        os.nice(-20)  # a few waits for others, a hundred times as long, would be most of the time and hardly ever sampled
    child = os.fork()
    if not child:
        ping(to_child, from_child, rounds)
        os._exit(0)
    print("ready")
    sys.stdout.flush()
    start, cpu = CLOCK(), time.process_time()
    pong(to_parent, from_parent, rounds)
    elapsed, ran = CLOCK() - start, time.process_time() - cpu
    os.waitpid(child, 0)
    tid = ctypes.CDLL(None).syscall(SYS_GETTID)
    print(json.dumps({"waited": elapsed - ran, "elapsed": elapsed, "tid": tid}))


main()
