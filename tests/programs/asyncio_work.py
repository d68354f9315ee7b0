# SPDX-License-Identifier: Apache-2.0
"""asyncio_work.py SECONDS: three tasks, each a chain of coroutines outer, middle, inner that calls spin(). Needs 3.6."""
import asyncio

from common import clock, ready, seconds_argument

SLICE_SECONDS = 0.002


def spin(seconds):
    end = clock() + seconds
    while clock() < end:
        pass


async def inner():
    spin(SLICE_SECONDS)
    await asyncio.sleep(0)


async def middle():
    await inner()


async def outer(end):
    while clock() < end:
        await middle()


async def numbers(end):
    while clock() < end:
        spin(SLICE_SECONDS)
        yield 1
        await asyncio.sleep(0)


async def async_generator_user(end):
    async for _ in numbers(end):
        pass


async def run(end):
    await asyncio.gather(outer(end), outer(end), async_generator_user(end))


def main():
    loop = asyncio.new_event_loop()
    ready()
    loop.run_until_complete(run(clock() + seconds_argument()))
    loop.close()


if __name__ == "__main__":
    main()
