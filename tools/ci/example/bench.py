#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A workload for `pyebpf check`: about two seconds of CPU time of what a small service does. Copy it and put your own functions in.

usage: bench.py [ROUNDS]

What makes a good one: it does the same work in every run (no clock, no network, a fixed seed), its main functions have a tenth of the
time or more, and it runs for seconds: start-up is a small part then.
"""
import json
import random
import sys


def make_orders(count):
    generator = random.Random(1)
    return [{"id": i, "items": [generator.randrange(500) for _ in range(8)]} for i in range(count)]


def encode(orders):
    return [json.dumps(order) for order in orders]


def decode(texts):
    return [json.loads(text) for text in texts]


def total(orders):
    return sum(item * 3 % 101 for order in orders for item in order["items"])


def best_sellers(orders):
    counts = {}
    for order in orders:
        for item in order["items"]:
            counts[item] = counts.get(item, 0) + 1
    return sorted(counts, key=lambda item: -counts[item])[:10]


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    orders = make_orders(1000)
    for _ in range(rounds):
        decoded = decode(encode(orders))
        total(decoded)
        best_sellers(decoded)
    print("rounds: %d" % rounds)


if __name__ == "__main__":
    main()
