# SPDX-License-Identifier: Apache-2.0
"""record --debuginfod: names from a debuginfod server, here one on the loopback interface with one debug file."""
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
import unittest.mock
import urllib.error
import urllib.request

import extensions
from harness import HANG_SECONDS, RootTestCase, one_interpreter, record, run_pyebpf
from test_extensions import main_stacks


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def build_id(path):
    notes = subprocess.run(["readelf", "-n", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    return re.search("Build ID: ([0-9a-f]+)", notes)[1]


class Server:
    """debuginfod over a folder. Leaving the `with` block ends it."""

    def __init__(self, folder):
        self.url = "http://127.0.0.1:%d" % free_port()
        self.folder = folder
        command = ["debuginfod", "-F", "-p", self.url.rpartition(":")[2], "-d", ":memory:", folder]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def has(self, path):
        try:
            with urllib.request.urlopen("%s/buildid/%s/debuginfo" % (self.url, build_id(path)), timeout=HANG_SECONDS):
                return True
        except (urllib.error.URLError, ConnectionError):
            return False

    def __enter__(self):
        deadline = time.monotonic() + HANG_SECONDS
        while not all(self.has(os.path.join(self.folder, name)) for name in os.listdir(self.folder)):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError("debuginfod does not serve " + self.folder)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Debuginfod(RootTestCase):
    def setUp(self):
        self.assertTrue(shutil.which("debuginfod"), "debuginfod is missing: tools/install-packages test")
        self.folder = tempfile.mkdtemp(prefix="pyebpf-debuginfod-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.interpreter = one_interpreter()
        modules = os.path.join(self.folder, "modules")
        shutil.copytree(os.path.join(extensions.c_modules((self.interpreter,)), "py3"), os.path.join(modules, "py3"))
        # The debug files are where only the server looks; the modules keep what they export.
        self.served = os.path.join(self.folder, "served")
        os.mkdir(self.served)
        for name in ("frames.so", "tower.so"):
            module = os.path.join(modules, "py3", name)
            extensions.run("objcopy", "--only-keep-debug", module, os.path.join(self.served, name + ".debug"))
            extensions.run("strip", module)
        self.command = self.interpreter.command("extension_calls.py", 1, modules)

    def functions(self, *options):
        """The functions of frames.so below by_c()."""
        recording = record(*options, "-F", 499, command=self.command)
        self.assert_status(recording, 0)
        found = main_stacks(recording.stacks).having("by_c")
        self.assert_enough(found, 5)
        return {frame.function for stack in found for frame in stack.frames if frame.module == "frames.so"}

    def test_names_come_from_the_server_only_when_asked_for(self):
        cache = os.path.join(self.folder, "cache")
        with Server(self.served) as server, unittest.mock.patch.dict(
            os.environ, DEBUGINFOD_URLS=server.url, DEBUGINFOD_CACHE_PATH=cache
        ):
            self.assertEqual(self.functions(), {"[unknown: no symbol here]"})
            self.assertFalse(os.path.exists(cache), "a server was asked without --debuginfod")
            found = self.functions("--debuginfod")
        self.assertLessEqual({"relay", "relay_outer", "relay_middle", "relay_inner", "spin", "spin_outer", "spin_leaf"}, found)

    def test_a_server_that_does_not_answer_costs_no_sample(self):
        with unittest.mock.patch.dict(os.environ, DEBUGINFOD_URLS="http://127.0.0.1:%d" % free_port(), DEBUGINFOD_TIMEOUT="2"):
            self.assertEqual(self.functions("--debuginfod"), {"[unknown: no symbol here]"})

    def test_without_a_server_it_says_what_to_do(self):
        with unittest.mock.patch.dict(os.environ):
            os.environ.pop("DEBUGINFOD_URLS", None)
            refused = run_pyebpf("record", "--debuginfod", "-o", os.path.join(self.folder, "x.folded"), "--", "true")
        self.assertEqual(refused.returncode, 2, refused.stderr)
        self.assertIn("DEBUGINFOD_URLS", refused.stderr)


if __name__ == "__main__":
    unittest.main()
