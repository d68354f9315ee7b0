# SPDX-License-Identifier: Apache-2.0
"""native_heavy.py SECONDS: two threads in C code that has released the GIL, zlib and hashlib, while the main thread waits."""
import hashlib
import threading
import zlib

from common import clock, ready, report, seconds_argument

DATA = b"".join(str(i * i).encode("ascii") for i in range(200000))


def compress_in_thread(end):
    while clock() < end:
        zlib.compress(DATA, 6)


def hash_in_thread(end):
    while clock() < end:
        hashlib.sha256(DATA).digest()


def main():
    ready()
    end = clock() + seconds_argument()
    threads = [
        threading.Thread(target=target, args=(end,)) for target in (compress_in_thread, hash_in_thread)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report({"bytes": len(DATA)})


if __name__ == "__main__":
    main()
