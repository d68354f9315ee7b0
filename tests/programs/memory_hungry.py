# SPDX-License-Identifier: Apache-2.0
"""memory_hungry.py SECONDS MEBIBYTES: allocates and frees that much (default 64), over and over."""
from common import clock, int_argument, ready, report, seconds_argument

CACHE_LINE = 64  # every one, so that touching takes a share also where page faults are dear


def allocate(mebibytes):
    return [bytearray(1 << 20) for _ in range(mebibytes)]


def touch(blocks):
    for block in blocks:
        for offset in range(0, len(block), CACHE_LINE):
            block[offset] = 1


def release(blocks):
    del blocks[:]


def main():
    mebibytes = int_argument(2, 64)
    ready()
    end = clock() + seconds_argument()
    rounds = 0
    while clock() < end:
        blocks = allocate(mebibytes)
        touch(blocks)
        release(blocks)
        rounds += 1
    report({"rounds": rounds})


if __name__ == "__main__":
    main()
