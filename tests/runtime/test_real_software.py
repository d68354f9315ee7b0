# SPDX-License-Identifier: Apache-2.0
"""The mixed stack of libraries as Debian builds them: stripped, without frame pointers, with code in assembly.

Needs Debian 12's python3 and the packages below (tools/packages, test). What cannot be known from outside, the functions inside of
the libraries, is not asserted; the modules and their order are.
"""
import re
import subprocess
import unittest

from harness import RootTestCase, one_interpreter, record_each
from test_extensions import described

SECONDS = 12
ENOUGH = 10
PACKAGES = {
    "numpy": "python3-numpy",
    "lxml": "python3-lxml",
    "cryptography": "python3-cryptography",
    "greenlet": "python3-greenlet",
}
# Between main() and the leaf: what must follow each other. A regular expression matches "MODULE FUNCTION" or a Python function.
WAYS = {
    "by_blas": [r"openblas|libblas|_multiarray_umath"],
    "by_numpy": [r"_multiarray_umath"],
    "by_numpy_callback": [r"_multiarray_umath", r"^apply_along_axis$", r"^<lambda>$", r"^numpy_callback$", r"^work$"],
    "by_zlib": [r"libz\.so\S* deflate"],
    "by_hash": [r"_hashlib|python3", r"libcrypto"],
    "by_cryptography": [r"^update$", r"_openssl|_rust", r"libcrypto\S* EVP_"],
    "by_signature": [r"_openssl|_rust", r"libcrypto"],
    "by_parser": [r"etree", r"libxml2\S* xmlParse"],
    "by_xpath": [r"etree", r"libxml2\S* xmlXPath", r"etree", r"^xpath_callback$", r"^work$"],
    "by_sqlite": [r"_sqlite3", r"libsqlite3\S* sqlite3_step"],
    "by_sqlite_callback": [r"_sqlite3", r"libsqlite3\S* sqlite3_step", r"_sqlite3", r"^sqlite_callback$", r"^work$"],
}
# Of the stacks that reach the last of these. The rest ended early, at a table that was not there yet, or memory that was not.
SHARE = 0.9


def follow(names, expressions):
    """The expressions find something in this order."""
    rest = iter(names)
    return all(any(re.search(expression, name) for name in rest) for expression in expressions)


class DebianLibraries(RootTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.interpreter = one_interpreter((3, 11))
        missing = [package for module, package in PACKAGES.items() if not cls.has(module)]
        if missing:
            raise AssertionError("not installed: %s; run tools/install-packages test" % " ".join(missing))
        (cls.run_of,) = record_each([cls.interpreter], "real_software.py", SECONDS)
        cls.stacks = cls.run_of.stacks

    @classmethod
    def has(cls, module):
        command = [cls.interpreter.path, "-c", "import " + module]
        return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0

    def test_nothing_is_lost(self):
        self.assert_nothing_lost(self.run_of.recording)
        self.assertEqual(sorted(self.run_of.report["ways"]), sorted([*WAYS, "by_greenlet"]))

    def test_libraries_stand_between_their_callers_and_callees(self):
        for way, expressions in WAYS.items():
            with self.subTest(way=way):
                stacks = self.stacks.having("<module>", "main", way)
                reached = stacks.where(lambda stack: follow(described(stack), expressions[-1:]))
                ordered = reached.where(lambda stack: follow(described(stack), ["^%s$" % way] + expressions))
                self.assert_enough(ordered, ENOUGH, stacks.describe(3))
                self.assertGreaterEqual(ordered.count, SHARE * reached.count, reached.describe(5))

    def test_threads_of_openblas_have_native_stacks(self):
        (main_thread,) = {stack.tid for stack in self.stacks.having("<module>", "main")}
        workers = self.stacks.where(lambda stack: stack.tid != main_thread and stack.has_any("openblas"))
        self.assert_enough(workers, ENOUGH, self.stacks.where(lambda stack: stack.tid != main_thread).describe(5))
        self.assertEqual(workers.where(lambda stack: stack.names).count, 0, workers.describe(5))

    def test_kernels_of_openblas_are_at_the_end_of_whole_stacks(self):
        """They are in assembler, which nothing describes, and move the stack pointer as they like."""
        kernels = self.stacks.where(lambda stack: stack.has_any("gemm_kernel"))
        self.assert_enough(kernels, ENOUGH, self.stacks.having("by_blas").describe(5))
        whole = kernels.where(lambda stack: follow(described(stack), [r" cblas_dgemm$|^libc$", r"gemm_kernel"]))
        self.assertGreaterEqual(whole.count, SHARE * kernels.count, kernels.describe(5))

    def test_a_greenlet_has_its_own_stack(self):
        own = self.stacks.having("in_greenlet", "greenlet_work", "work")
        self.assert_enough(own, ENOUGH, "in_greenlet")
        self.assertEqual({stack.names[0] for stack in own}, {"in_greenlet"}, own.describe(5))
        others = self.stacks.having("main", "by_greenlet", "between_switches", "work")
        self.assert_enough(others, ENOUGH, "between_switches")
        self.assertEqual(others.having("in_greenlet").count, 0, others.describe(5))


if __name__ == "__main__":
    unittest.main()
