# SPDX-License-Identifier: Apache-2.0
"""sleep_and_io.py SECONDS: sleeps, writes and reads a file and a pipe; uses little CPU, much of it in the kernel."""
import os
import tempfile
import time

from common import clock, ready, report, seconds_argument

BLOCK = b"x" * (1 << 20)


def sleep_a_little():
    time.sleep(0.002)


def write_file(stream):
    stream.seek(0)
    for _ in range(8):
        stream.write(BLOCK)
    stream.flush()


def read_file(stream):
    stream.seek(0)
    while stream.read(1 << 20):
        pass


def through_pipe(reading, writing):
    for _ in range(64):
        os.write(writing, BLOCK[:32768])
        os.read(reading, 32768)


def main():
    rounds = 0
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as stream:
        ready()
        end = clock() + seconds_argument()
        while clock() < end:
            sleep_a_little()
            write_file(stream)
            read_file(stream)
            through_pipe(reading, writing)
            rounds += 1
    report({"rounds": rounds})


if __name__ == "__main__":
    main()
