# SPDX-License-Identifier: Apache-2.0
"""moving_threads.py SECONDS: two threads hand a byte to and fro, each time from another depth.

In every state that is one moment's, the stack of a player is exchange(), then down() with a depth of 0, 1, 2 and so on to that
which play() has in `depth`, or a part of it on the way there.
"""
import os
import threading

from common import clock, ready, seconds_argument


def exchange(incoming, outgoing):
    os.write(outgoing, b"x")
    os.read(incoming, 1)


def down(depth, incoming, outgoing):
    if depth:
        down(depth - 1, incoming, outgoing)
    else:
        exchange(incoming, outgoing)


def play(incoming, outgoing, end):
    depth = 0
    while clock() < end:
        depth = (depth * 7 + 3) % 31
        down(depth, incoming, outgoing)


def main():
    end = clock() + seconds_argument()
    (incoming, to_main), (from_main, outgoing) = os.pipe(), os.pipe()
    thread = threading.Thread(target=play, args=(from_main, to_main, end))
    thread.daemon = True
    thread.start()
    ready()
    play(incoming, outgoing, end)
    os._exit(0)


if __name__ == "__main__":
    main()
