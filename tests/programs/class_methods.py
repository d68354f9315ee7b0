# SPDX-License-Identifier: Apache-2.0
"""class_methods.py SECONDS: the kinds of functions that a class has; each calls work() in turn.

Reports the qualified name of each kind. Versions before 3.11 keep only the last part of it in the code object.
"""
from common import clock, ready, report, seconds_argument


def work():
    value = 1
    for _ in range(3000):
        value ^= 3
    return value


class Base(object):
    def __init__(self):
        work()

    def overridden(self):
        work()


class Derived(Base):
    class Nested(object):
        def nested_method(self):
            work()

    def __init__(self):
        super(Derived, self).__init__()

    def overridden(self):
        super(Derived, self).overridden()

    def method(self):
        work()

    @classmethod
    def class_method(cls):
        work()

    @staticmethod
    def static_method():
        work()

    @property
    def a_property(self):
        return work()

    def __call__(self):
        work()

    def __getitem__(self, index):
        return work()

    def with_closure(self):
        def closure():
            work()

        closure()


KINDS = [
    "Base.__init__",
    "Base.overridden",
    "Derived.Nested.nested_method",
    "Derived.__init__",
    "Derived.overridden",
    "Derived.method",
    "Derived.class_method",
    "Derived.static_method",
    "Derived.a_property",
    "Derived.__call__",
    "Derived.__getitem__",
    "Derived.with_closure",
    "Derived.with_closure.<locals>.closure",
]


def one_round():
    derived = Derived()
    derived.overridden()
    Derived.Nested().nested_method()
    derived.method()
    Derived.class_method()
    Derived.static_method()
    derived.a_property
    derived()
    derived[0]
    derived.with_closure()


def main():
    ready()
    end = clock() + seconds_argument()
    while clock() < end:
        one_round()
    report({"kinds": KINDS})


if __name__ == "__main__":
    main()
