# SPDX-License-Identifier: Apache-2.0
"""json_work.py SECONDS: encodes and decodes JSON, and multiplies matrices if numpy can be imported; says which."""
import json

from common import clock, ready, report, say, seconds_argument

try:
    import numpy
except ImportError:
    numpy = None


def make_document():
    return [{"id": i, "name": "item %d" % i, "values": [j * 0.5 for j in range(10)]} for i in range(300)]


def encode_document(document):
    return json.dumps(document)


def decode_text(text):
    return json.loads(text)


def multiply(matrix):
    for _ in range(4):
        matrix.dot(matrix)


def main():
    document = make_document()
    matrix = numpy.ones((200, 200)) if numpy else None
    say("numpy: %s" % (numpy.__version__ if numpy else "absent"))
    ready()
    end = clock() + seconds_argument()
    rounds = 0
    while clock() < end:
        text = encode_document(document)
        decode_text(text)
        if numpy:
            multiply(matrix)
        rounds += 1
    report({"rounds": rounds, "numpy": numpy is not None})


if __name__ == "__main__":
    main()
