# SPDX-License-Identifier: Apache-2.0
"""The target of record_process_image, for every CPython from 2.7 on; read from standard input, so that its file is "<stdin>".

Calls itself through everything that shapes a frame chain: recursion, callbacks from C, a generator, a coroutine, class calls, and names
of every width. The innermost function writes its own frames, leaf first, as "frame LINE NAME", and "end"; it then stops itself while it
holds the GIL, and after SIGCONT sleeps without it.
"""
import os
import signal
import sys
import time


def write_frames(frame):
    text = []
    while frame:
        code = frame.f_code
        text.append("frame %d %s\n" % (frame.f_lineno, getattr(code, "co_qualname", code.co_name)))
        frame = frame.f_back
    text = "".join(text) + "end\n"
    if not isinstance(text, bytes):
        text = text.encode("utf-8")
    os.write(1, text)


def innermost():
    # On one line, so that the line that was written is the line of both stops.
    write_frames(sys._getframe()); os.kill(os.getpid(), signal.SIGSTOP); time.sleep(1000)  # noqa: E702


def identity(function):
    return function()


def generator(function):
    yield 1
    yield function()


class Node(object):
    def __init__(self, function, is_last):
        if is_last:
            function()

    def method(self, function):
        return list(map(lambda one: function(), [1]))

    @classmethod
    def sort(cls, function):
        return sorted([1], key=lambda one: function())

    @property
    def attribute(self):
        return self.continuation()


def recursion(depth, function):
    if depth:
        return recursion(
            depth - 1,
            function,
        )
    return function()


wrappers = [
    identity,
    lambda function: recursion(40, function),
    lambda function: Node(None, False).method(function),
    lambda function: sum(generator(function)),
    Node.sort,
    lambda function: [
        function()
        for one in range(1)
    ],
]


def through_attribute(function):
    node = Node(None, False)
    node.continuation = function
    return node.attribute


def through_class(function):
    # Often enough for 3.13 and later to specialize the call of the class.
    for count in range(300):
        Node(function, count == 299)


wrappers += [through_attribute, through_class]

if sys.version_info[0] >= 3:
    more = {}
    exec(compile("""
async def coroutine(function):
    return function()

def drive(function):
    try:
        coroutine(function).send(None)
    except StopIteration:
        pass

def latin_\u00e9\u00df(function):
    return function()

def wide_\u540d\u524d(function):
    return function()

def widest_\U00010400\U00010401(function):
    return (

        function()
    )
""", "<m\u00f6re>", "exec"), more)
    wrappers += [value for name, value in sorted(more.items()) if callable(value) and name != "coroutine"]


def bind(wrapper, function):
    return lambda: wrapper(function)


chain = innermost
for wrapper in wrappers:
    chain = bind(wrapper, chain)
chain()
