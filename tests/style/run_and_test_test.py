# SPDX-License-Identifier: Apache-2.0
"""tools/run and tools/test on a made-up project of one C program: what they build, when, as whom, and what they print."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

CMAKE = """
cmake_minimum_required(VERSION 3.25)
project(made_up C)
enable_testing()
add_subdirectory(userspace/app)
add_test(NAME unit.good COMMAND pyebpf)
add_test(NAME unit.bad COMMAND pyebpf fail)
add_test(NAME style.skipped COMMAND sh -c "exit 77")
set_tests_properties(unit.good unit.bad PROPERTIES LABELS unit)
set_tests_properties(style.skipped PROPERTIES LABELS style SKIP_RETURN_CODE 77)
"""
PROGRAM = """
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv) {
    char folder[4096];
    printf("%s in %s\\n", argv[argc - 1], getcwd(folder, sizeof folder));
    return argc > 2 ? 5 : argc > 1 && argv[1][0] == 'f';
}
"""
# All purposes that the tools ask for, satisfied by what builds this project.
PACKAGES = "".join(f"{purpose} cmake unless cmake\n" for purpose in ("build", "test", "browser", "kernel-matrix", "pythons"))
PRESETS = ("CMakePresets.json",)
# Debian's and Ubuntu's nobody; any user but root would do.
OTHER_USER = 65534


class RunAndTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        Path(folder.name).chmod(0o755)
        self.elsewhere = Path(folder.name)
        self.root = self.elsewhere / "checkout"
        shutil.copytree(ROOT / "tools", self.root / "tools", ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        for name in PRESETS:
            shutil.copy(ROOT / name, self.root)
        (self.root / "tools" / "packages").write_text(PACKAGES)
        (self.root / "CMakeLists.txt").write_text(CMAKE)
        self.source = self.root / "userspace" / "app" / "main.c"
        self.source.parent.mkdir(parents=True)
        (self.source.parent / "CMakeLists.txt").write_text("add_executable(pyebpf main.c)\n")
        self.source.write_text(PROGRAM)

    def call(self, tool, *arguments, **environment):
        cleared = {name: value for name, value in os.environ.items() if name not in ("SUDO_UID", "SUDO_GID", "CI")}
        return subprocess.run([self.root / "tools" / tool, *arguments], cwd=self.elsewhere, env={**cleared, **environment},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)

    def test_run_builds_once_and_becomes_the_program(self):
        first = self.call("run", "x", "last")
        self.assertEqual((first.returncode, first.stdout), (5, f"last in {self.elsewhere}\n"))
        self.assertIn("building", first.stderr)
        second = self.call("run", "x", "last")
        self.assertEqual((second.returncode, second.stdout, second.stderr), (5, first.stdout, ""))

    def test_run_without_arguments_asks_for_help(self):
        self.assertEqual(self.call("run").stdout, f"--help in {self.elsewhere}\n")

    def test_run_builds_again_after_an_edit(self):
        self.call("run")
        self.source.write_text(PROGRAM.replace("%s in", "now %s in"))
        self.assertEqual(self.call("run", "x").stdout, f"now x in {self.elsewhere}\n")

    def test_run_shows_a_compile_error_and_never_the_old_program(self):
        self.call("run")
        self.source.write_text("no program\n")
        done = self.call("run", "x")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("main.c:1:", done.stderr)
        self.assertIn("the build failed", done.stderr)

    def test_test_counts(self):
        done = self.call("test", "--only", "unit")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (1, "1 passed, 1 failed"))
        done = self.call("test", "--only", "unit", "--filter", "good")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (0, "1 passed, 0 failed"))

    def test_test_fails_where_nothing_matches(self):
        done = self.call("test", "--only", "golden")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (1, "0 passed, 1 failed"))

    def test_a_skipped_test_fails_in_ci_only(self):
        arguments = ("test", "--only", "style", "--only", "unit", "--filter", "skipped|good")
        self.assertEqual(self.call(*arguments).stdout.splitlines()[-1], "1 passed, 0 failed")
        done = self.call(*arguments, CI="true")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (1, "1 passed, 1 failed"))

    def test_list_runs_nothing(self):
        done = self.call("test", "--list", "--only", "unit")
        self.assertEqual(done.returncode, 0)
        self.assertIn("unit.bad", done.stdout)
        self.assertFalse((self.root / "build" / "ci" / "userspace" / "app" / "pyebpf").exists())

    def test_refuses_unknown_labels(self):
        self.assertEqual(self.call("test", "--only", "beauty").returncode, 2)


class ThroughSudo(RunAndTest):
    """The same through sudo: build files belong to the caller afterwards, whoever built before. Needs root, so it is a CTest of
    its own."""

    def setUp(self):
        super().setUp()
        for path in [self.root, *self.root.rglob("*")]:
            os.chown(path, OTHER_USER, OTHER_USER)

    def call(self, tool, *arguments, **environment):
        return super().call(tool, *arguments, SUDO_UID=str(OTHER_USER), SUDO_GID=str(OTHER_USER), **environment)

    def tearDown(self):
        strangers = [path for path in self.root.rglob("*") if path.lstat().st_uid != OTHER_USER]
        self.assertEqual(strangers, [])

    def test_takes_over_what_root_has_built(self):
        RunAndTest.call(self, "run")
        self.source.write_text(PROGRAM.replace("%s in", "now %s in"))
        self.assertEqual(self.call("run", "x").stdout, f"now x in {self.elsewhere}\n")


if __name__ == "__main__":
    unittest.main()
