# SPDX-License-Identifier: Apache-2.0
"""Every stack of every interpreter is the one the program really had: names, order, completeness."""
import contextlib
import os
import re
import unittest

from harness import RootTestCase, interpreters, record, record_each, start
from stacks import last_part, same_function

SECONDS = 2
BATCH = 16  # more than where shares are measured: a stack is right or wrong
# Samples that a busy program must at least get: 2 s at 997 Hz, up to BATCH of them on as little as one CPU, most of it lost to
# start-up and to whatever else runs.
ENOUGH = 40


# Functions of method_names.py: what code objects from 3.11 on call them, and what is proven of them from 3.6 on and of 2.7.
METHODS = {
    "of_metaclass": ("Meta.of_metaclass", "Meta.of_metaclass", "Meta.of_metaclass"),
    "inherited": ("Base.inherited", "Base.inherited", "Base.inherited"),
    "__private": ("Base.__private", "Base.__private", "Base.__private"),
    "call_private": ("Base.call_private", "Base.call_private", "Base.call_private"),
    "class_method": ("Derived.class_method", "Derived.class_method", "Derived.class_method"),
    "static_method": ("Derived.static_method", "Derived.static_method", "Derived.static_method"),
    "read_property": ("Derived.read_property", "Derived.read_property", "Derived.read_property"),
    "decorated": ("Derived.decorated", "decorated", "decorated"),
    "wrapper": ("decorator.<locals>.wrapper", "wrapper", "wrapper"),
    "captured": ("Derived.captured", "captured", "Derived.captured"),
    "generator": ("Derived.generator", "Derived.generator", "Derived.generator"),
    "of_nested": ("Derived.Nested.of_nested", "Derived.Nested.of_nested", "Nested.of_nested"),
    "of_old": ("Old.of_old", "Old.of_old", "Old.of_old"),
    "takes_instance": ("takes_instance", "takes_instance", "takes_instance"),
    "put_later": ("put_later", "put_later", "Derived.put_later"),
    "of_local": ("make_local.<locals>.Local.of_local", "make_local.<locals>.Local.of_local", "of_local"),
    "generated": ("Generated.generated", "generated", "generated"),
    "work": ("work", "work", "work"),
}


def method_names(minor):
    return {name: names[0 if minor >= (3, 11) else 1 if minor >= (3, 0) else 2] for name, names in METHODS.items()}


def shown_methods(stacks):
    """{name without classes: {names as they are shown}} of method_names.py's functions."""
    shown = {}
    for stack in stacks:
        for frame in stack.python:
            if os.path.basename(frame.file) in ("method_names.py", "<generated>"):
                shown.setdefault(last_part(frame.function), set()).add(frame.function)
    return shown


def program_names(stack, program):
    """Names of the Python frames from the program's <module> on, so without what imports or bootstraps it."""
    names = stack.names
    for index, frame in enumerate(stack.python):
        if frame.function == "<module>" and os.path.basename(frame.file) == program:
            return names[index:]
    return []


def between(stack, way):
    """Functions and modules of the native frames between by_X and X_callback."""
    functions = [(frame.kind, frame.function) for frame in stack.frames]
    caller = functions.index(("python", way))
    callee = functions.index(("python", way[len("by_") :] + "_callback"))
    frames = [frame for frame in stack.frames[caller + 1 : callee] if frame.kind == "native"]
    return " ".join("%s(%s)" % (frame.function, frame.module) for frame in frames)


class EachInterpreter(RootTestCase):
    def run_each(self, program, *arguments, minimum=(2, 7), options=()):
        found = interpreters(minimum)
        self.assertTrue(found, "no interpreter found")
        return record_each(found, program, *arguments, options=options, batch=BATCH)

    @contextlib.contextmanager
    def of(self, run):
        """One interpreter's part of a test: if it fails, the others go on."""
        with self.subTest(python=run.interpreter.name):
            try:
                yield
                self.assert_nothing_lost(run.recording)
            except AssertionError as error:
                raise AssertionError("%s\nmost frequent of all stacks:\n%s" % (error, run.stacks.describe(5))) from None

    def assert_exact(self, stacks, program, expected, context, allowed_markers=()):
        """Each of the stacks has exactly these Python functions from its <module> on, and no other marker."""
        self.assert_enough(stacks, ENOUGH, context)
        wrong = stacks.where(lambda stack: program_names(stack, program) != expected)
        self.assertEqual(wrong.count, 0, "%d of %d stacks differ:\n%s" % (wrong.count, stacks.count, wrong.describe(5)))
        unexpected = {text: count for text, count in stacks.markers().items() if text not in allowed_markers}
        self.assertEqual(unexpected, {}, context)


class Depth(EachInterpreter):
    def test_recursion_has_exactly_its_depth(self):
        depth = 57
        for run in self.run_each("recursion.py", SECONDS, depth):
            with self.of(run):
                expected = ["<module>", "main"] + ["descend"] * depth + ["leaf"]
                self.assert_exact(run.stacks.having("leaf"), "recursion.py", expected, run.interpreter.name)

    def test_1024_python_frames_are_complete(self):
        depth = 1024
        steps = ["step_%d" % (i % 4) for i in range(depth - 3)]
        for run in self.run_each("deep_recursion.py", SECONDS, depth):
            with self.of(run):
                expected = ["<module>", "main"] + steps + ["leaf"]
                # Before 3.11 every Python frame has native frames of its own: more than the 512 that are taken. The
                # Python frames must be whole all the same, and the cut of the others marked.
                allowed = ["[truncated: deeper native frames]"] if run.interpreter.minor < (3, 11) else []
                self.assert_exact(
                    run.stacks.having("leaf"), "deep_recursion.py", expected, run.interpreter.name, allowed
                )

    def test_beyond_the_limit_the_leaf_side_is_kept_and_the_cut_is_marked(self):
        depth = 5000
        for run in self.run_each("deep_recursion.py", SECONDS, depth):
            with self.of(run):
                stacks = run.stacks.having("leaf")
                self.assert_enough(stacks, ENOUGH)
                self.assertGreater(run.recording.statistic("python_truncated"), 0)
                for stack in stacks:
                    names = stack.names
                    self.assertEqual(names[-1], "leaf")
                    first = int(names[-2].rsplit("_", 1)[1])
                    tail = names[-1025:-1]
                    expected = ["step_%d" % ((first - i) % 4) for i in range(len(tail))]
                    self.assertEqual(tail[::-1], expected)
                    self.assertEqual(len(tail), 1024, "fewer than 1,024 frames at the leaf side were kept")
                    self.assertTrue(
                        len(names) == depth or any(frame.kind == "marker" for frame in stack.frames),
                        "%d of %d frames and no mark" % (len(names), depth),
                    )


class Kinds(EachInterpreter):
    def test_generators_show_who_resumed_them(self):
        for run in self.run_each("generators.py", SECONDS):
            with self.of(run):
                produce = run.stacks.having("produce")
                self.assert_enough(produce, ENOUGH // 2)
                for stack in produce:
                    names = [name for name in stack.names if "genexpr" not in name]
                    self.assertEqual(names, ["<module>", "main", "consume", "squares", "numbers", "produce"])
                visit = run.stacks.having("visit")
                self.assert_enough(visit, ENOUGH // 4)
                for stack in visit:
                    self.assertEqual(stack.names, ["<module>", "main", "walk"] + ["tree"] * 6 + ["visit"])

    def test_callbacks_out_of_c_code(self):
        for run in self.run_each("callbacks.py", 2 * SECONDS):
            with self.of(run):
                for way in run.report["ways"]:
                    callback = way[len("by_") :] + "_callback"
                    stacks = run.stacks.having(callback, "work")
                    self.assert_enough(stacks, 10, way)
                    for stack in stacks:
                        names = [name for name in stack.names if "listcomp" not in name]
                        self.assertEqual(names, ["<module>", "main", way, callback, "work"])

    def test_c_frames_stand_between_caller_and_callback(self):
        """True order: what calls back (the interpreter's sort, libc's qsort) is above its caller and below its callee.

        Debian's interpreters have no symbols, so their sort() has no name. A library's first samples end in it, until its unwind
        rows are loaded; they are counted by the profiler and left out here.
        """
        callers_back = {"by_sort": r"python", "by_ctypes": r"libc[.-]"}
        for run in self.run_each("callbacks.py", 2 * SECONDS, options=["--native=all"]):
            with self.of(run):
                for way in callers_back.keys() & set(run.report["ways"]):
                    stacks = run.stacks.having(way, way[len("by_") :] + "_callback", "work")
                    self.assert_enough(stacks, 10, way)
                    whole = stacks.where(lambda stack: stack.frames[0].kind == "native")
                    self.assertGreater(whole.count, stacks.count / 2, stacks.describe(5))
                    wrong = whole.where(lambda stack: not re.search(callers_back[way], between(stack, way)))
                    self.assertEqual(wrong.count, 0, wrong.describe(5))

    def test_class_members(self):
        for run in self.run_each("class_methods.py", SECONDS):
            with self.of(run):
                minor = run.interpreter.minor
                for kind in run.report["kinds"]:
                    found = run.stacks.where(
                        lambda stack: stack.has("main", "one_round", "work")
                        and any(same_function(name, kind, minor) for name in stack.names)
                    )
                    self.assert_enough(found, 3, kind)
                inherited = run.stacks.where(
                    lambda stack: [last_part(name) for name in stack.names[-3:]] == ["overridden", "overridden", "work"]
                )
                self.assert_enough(inherited, 3, "super().overridden()")

    def test_coroutines_show_the_chain_of_awaits(self):
        for run in self.run_each("asyncio_work.py", SECONDS, minimum=(3, 6)):
            with self.of(run):
                spin = run.stacks.having("spin")
                self.assert_enough(spin, ENOUGH)
                chain = spin.having("main", "outer", "middle", "inner", "spin")
                generator = spin.having("main", "async_generator_user", "numbers", "spin")
                self.assertEqual(chain.count + generator.count, spin.count, spin.describe(5))
                self.assertGreater(chain.count, generator.count)
                for stack in chain:
                    self.assertEqual(stack.names[-4:], ["outer", "middle", "inner", "spin"])


class Names(EachInterpreter):
    def test_names_beyond_ascii(self):
        for run in self.run_each("non_ascii.py", 3 * SECONDS):
            with self.of(run):
                for name, path in run.report["names"]:
                    self.assert_enough(run.stacks.where(lambda stack: name in stack.names), ENOUGH // 2, repr(name))
                    found = [
                        frame for stack in run.stacks for frame in stack.python if (frame.function, frame.file) == (name, path)
                    ]
                    self.assertTrue(found, "function %r has not the file %r" % (name, path))

    def test_long_names_are_shortened_visibly(self):
        for run in self.run_each("long_names.py", SECONDS):
            with self.of(run):
                name, path = run.report["name"], run.report["path"]
                stacks = run.stacks.where(lambda stack: any(one.startswith(name[:300]) for one in stack.names))
                self.assert_enough(stacks, ENOUGH)
                frame = [one for one in next(iter(stacks)).python if one.function.startswith(name[:300])][0]
                for shown, whole in ((frame.function, name), (frame.file, path)):
                    self.assertTrue(shown == whole or "…" in shown, "cut silently: %r" % shown)

    def test_methods_have_the_classes_that_define_them(self):
        """Before 3.11 they are read from the process, which therefore outlives the recording."""
        with contextlib.ExitStack() as running:
            found = [(one, running.enter_context(start(one, "method_names.py", 3600))) for one in interpreters()]
            pids = ",".join(str(target.pid) for _, target in found)
            recording = record("-p", pids, "-F", 997, "-d", 5, "--per-process")
        self.assert_status(recording, 0)
        for interpreter, target in found:
            with self.subTest(python=interpreter.name):
                shown = shown_methods(recording.stacks.of_pid(target.pid))
                for name, expected in method_names(interpreter.minor).items():
                    self.assertEqual(shown.get(name), {expected})
                self.assertEqual(shown.get("overridden"), {"Base.overridden", "Derived.overridden"})

    def test_methods_of_ended_processes_have_the_classes_proven_elsewhere(self):
        for run in self.run_each("method_names.py", SECONDS, 10):
            with self.of(run):
                children = run.report["children"]
                shown = shown_methods(run.recording.stacks.where(lambda stack: stack.pid in children))
                expected = method_names(run.interpreter.minor)
                self.assertGreater(len(shown.keys() & expected.keys()), 5)
                for name in shown.keys() & expected.keys():
                    self.assertEqual(shown[name], {expected[name]})

    def test_reused_addresses_never_show_an_old_class(self):
        for file in ("/nowhere/generated_%d.py", "<generated>"):
            for run in self.run_each("exec_classes.py", 2 * SECONDS, file):
                with self.of(run):
                    self.assertGreater(run.report["reused"], 0, "the program did not reuse an address")
                    names = [name for stack in run.stacks for name in stack.names if last_part(name).startswith("method")]
                    self.assertGreater(len(names), ENOUGH // 10)
                    for name in names:
                        if run.interpreter.minor < (3, 11) and file == "<generated>":
                            self.assertEqual(name, "method")
                        elif "method_" in name:
                            self.assertRegex(name, r"^(Class_(\d+)\.)?method_(\d+)$")
                            self.assertEqual(len(set(re.findall(r"\d+", name))), 1, name)

    def test_reused_addresses_never_show_an_old_name(self):
        for run in self.run_each("exec_names.py", 2 * SECONDS):
            with self.of(run):
                self.assertGreater(run.report["reused"], 0, "the program did not reuse an address")
                seen = 0
                for stack in run.stacks:
                    for frame in stack.python:
                        if not frame.function.startswith("generation_"):
                            continue
                        number = int(frame.function[len("generation_") :])
                        self.assertLess(number, run.report["generations"])
                        self.assertEqual((frame.file, frame.line), ("<generated-%d>" % number, number + 1))
                        seen += stack.count
                self.assertGreaterEqual(seen, ENOUGH)
                numbers = {name for stack in run.stacks for name in stack.names if name.startswith("generation_")}
                # Each lives 30 ms. Where several interpreters share a CPU, some generations are never on it.
                self.assertGreater(len(numbers), run.report["generations"] // 10)


class Threads(EachInterpreter):
    def test_threads_under_the_gil(self):
        for run in self.run_each("threads_gil.py", SECONDS, 3):
            with self.of(run):
                tids = {}
                for index in range(3):
                    worker = "worker_%d" % index
                    stacks = run.stacks.having(worker)
                    self.assert_enough(stacks, 10, worker)
                    for stack in stacks:
                        names = [last_part(name) for name in stack.names]
                        at = names.index("run_worker")
                        self.assertEqual(names[at : at + 2], ["run_worker", worker])
                        self.assertTrue("run" in names[:at], "the thread's bootstrap is missing: %s" % stack)
                        self.assertLessEqual(len([name for name in names if name.startswith("worker_")]), 1)
                        tids.setdefault(worker, set()).add(stack.tid)
                    if run.interpreter.minor >= (3, 14):
                        self.assertEqual({stack.thread_name for stack in stacks}, {"worker-%d" % index})
                self.assertEqual([len(ids) for ids in tids.values()], [1, 1, 1], "one thread each")
                self.assertEqual(len(set.union(*tids.values())), 3)

    def test_threads_have_the_names_that_python_gave_them(self):
        """Up to 3.13 the kernel does not know them: they are read from the process, which therefore outlives the recording."""
        with contextlib.ExitStack() as running:
            found = [(one, running.enter_context(start(one, "threads_gil.py", 3600, 2))) for one in interpreters()]
            pids = ",".join(str(target.pid) for _, target in found)
            recording = record("-p", pids, "-F", 997, "-d", 4, "--per-process", "--per-thread")
        self.assert_status(recording, 0)
        for interpreter, target in found:
            with self.subTest(python=interpreter.name):
                for index in range(2):
                    stacks = recording.stacks.of_pid(target.pid).having("worker_%d" % index)
                    self.assert_enough(stacks, 10, recording.stacks.of_pid(target.pid).describe(4))
                    self.assertEqual({stack.thread_name for stack in stacks}, {"worker-%d" % index})

    def test_python_stack_is_there_while_the_gil_is_released(self):
        expected = {"compress_in_thread": r"deflate|libz|zlib", "hash_in_thread": r"(?i)sha|libcrypto|_hashlib"}
        for run in self.run_each("native_heavy.py", SECONDS):
            with self.of(run):
                for function, native in expected.items():
                    inside = run.stacks.where(lambda stack: stack.leaf.kind == "native" and stack.has_any(native))
                    mine = inside.having(function)
                    self.assert_enough(mine, ENOUGH // 4, function)
                    for stack in mine:
                        self.assertTrue(stack.has("run", function), "the root side is missing: %s" % stack)
                orphans = run.stacks.where(lambda stack: stack.has_any(r"^deflate|^longest_match") and not stack.names)
                # 2.7 has no key per thread: a thread that was never seen with the GIL is found by the list of
                # threads, which is read after its first sample and within 100 ms.
                allowed = run.stacks.count // 20 if run.interpreter.minor < (3, 0) else 0
                self.assertLessEqual(orphans.count, allowed, orphans.describe(5))


class Work(EachInterpreter):
    def test_json(self):
        for run in self.run_each("json_work.py", SECONDS):
            with self.of(run):
                functions = ["encode_document", "decode_text"] + (["multiply"] if run.report["numpy"] else [])
                for function in functions:
                    stacks = run.stacks.having("<module>", "main", function)
                    self.assert_enough(stacks, ENOUGH // 4, function)
                    for stack in stacks:
                        self.assertEqual(program_names(stack, "json_work.py")[:3], ["<module>", "main", function])

    def test_memory(self):
        for run in self.run_each("memory_hungry.py", SECONDS, 32):
            with self.of(run):
                for function in ("allocate", "touch"):
                    self.assert_enough(run.stacks.having("<module>", "main", function), 5, function)
                faults = run.stacks.where(lambda stack: any(frame.kind == "kernel" for frame in stack.frames))
                for stack in faults.having("allocate"):
                    kinds = [frame.kind for frame in stack.frames]
                    first = kinds.index("kernel")
                    self.assertEqual(set(kinds[first:]), {"kernel"}, "kernel frames are the leaf side: %s" % stack)

    def test_sleep_and_io(self):
        for run in self.run_each("sleep_and_io.py", SECONDS):
            with self.of(run):
                for function in ("write_file", "read_file"):
                    self.assert_enough(run.stacks.having("<module>", "main", function), 5, function)
                in_kernel = run.stacks.having("write_file").where(lambda stack: stack.leaf.kind == "kernel")
                self.assert_enough(in_kernel, 1, "write_file in the kernel")


if __name__ == "__main__":
    unittest.main()
