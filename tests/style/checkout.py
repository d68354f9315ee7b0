# SPDX-License-Identifier: Apache-2.0
"""A made-up checkout in a temporary folder, for the tests of the tools that look at one."""

import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class CheckoutTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name) / "checkout"
        self.root.mkdir()

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def run_tool(self, tool, *arguments):
        """(exit status, lines of stdout) of a tool that takes --root."""
        done = subprocess.run([ROOT / "tools" / tool, "--root", self.root, *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout.splitlines()
