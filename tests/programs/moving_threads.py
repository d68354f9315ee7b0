# SPDX-License-Identifier: Apache-2.0
"""moving_threads.py SECONDS: two threads hand a byte to and fro, each time from another depth, with a pause now and then.

In every state that is one moment's, the stack of a player is exchange(), then down() with a depth of 0, 1, 2 and so on to that
which play() has in `depth`, or a part of it on the way there.
"""
import os
import threading
import time

from common import clock, ready, seconds_argument


def exchange(incoming, outgoing, pause):
    time.sleep(pause)
    os.write(outgoing, b"x")
    os.read(incoming, 1)


def down(depth, incoming, outgoing, pause):
    if depth:
        down(depth - 1, incoming, outgoing, pause)
    else:
        exchange(incoming, outgoing, pause)


def play(incoming, outgoing, end):
    depth = rounds = 0
    while clock() < end:
        depth = (depth * 7 + 3) % 31
        rounds += 1
        down(depth, incoming, outgoing, 0.002 if rounds % 16 == 0 else 0)


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
