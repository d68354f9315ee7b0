# SPDX-License-Identifier: Apache-2.0
"""method_names.py SECONDS [CHILDREN]: functions that belong to a class, and functions that seem to; each calls work() in turn.

Then as many children as asked for do the same for 30 ms, one after the other. Reports their pids.
"""
import functools
import os

from common import clock, int_argument, ready, report, seconds_argument


def work():
    value = 1
    for _ in range(3000):
        value ^= 3
    return value


def decorator(function):
    @functools.wraps(function)
    def wrapper(self):
        return function(self)

    return wrapper


class Meta(type):
    def of_metaclass(cls):
        work()


class Base(object):
    def inherited(self):
        work()

    def overridden(self):
        work()

    def __private(self):
        work()

    def call_private(self):
        self.__private()


class Derived(Base):
    def overridden(self):
        super(Derived, self).overridden()

    @classmethod
    def class_method(cls):
        work()

    @staticmethod
    def static_method(instance):
        work()

    @property
    def read_property(self):
        return work()

    @read_property.setter
    def read_property(self, value):
        work()

    @decorator
    def decorated(self):
        work()

    def captured(self):
        return [work() for _ in (lambda: self,)]

    def generator(self):
        yield work()

    class Nested(object):
        def of_nested(self):
            work()


class Old:
    def of_old(self):
        work()


class Older(Old):
    pass


Made = Meta("Made", (object,), {})


def takes_instance(instance):
    work()


def put_later(self):
    work()


Derived.put_later = put_later


def make_local():
    class Local(object):
        def of_local(self):
            work()

    return Local()


def make_generated():
    namespace = {"work": work}
    exec(compile("class Generated(object):\n    def generated(self):\n        work()\n", "<generated>", "exec"), namespace)
    return namespace["Generated"]()


LOCAL = make_local()
OLDER = Older()  # lives on: the class of an old-style instance of 2.7 is read from the instance
GENERATED = make_generated()

def one_round(derived):
    Made.of_metaclass()
    derived.inherited()
    derived.overridden()
    derived.call_private()
    Derived.class_method()
    Derived.static_method(derived)
    derived.read_property
    derived.read_property = 1
    derived.decorated()
    derived.captured()
    for _ in derived.generator():
        pass
    Derived.Nested().of_nested()
    OLDER.of_old()
    takes_instance(derived)
    derived.put_later()
    LOCAL.of_local()
    GENERATED.generated()


def rounds(seconds):
    end = clock() + seconds
    while clock() < end:
        one_round(Derived())


def run_child():
    pid = os.fork()
    if pid == 0:
        rounds(0.03)
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def main():
    ready()
    rounds(seconds_argument())
    report({"children": [run_child() for _ in range(int_argument(2, 0))]})


if __name__ == "__main__":
    main()
