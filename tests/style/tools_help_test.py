# SPDX-License-Identifier: Apache-2.0
"""Every tool of tools/ answers --help and refuses an option that it does not know."""

import os
import subprocess
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent.parent / "tools"
# tools/run hands every argument to pyebpf.
PASSES_ARGUMENTS_ON = {"run"}


def tools():
    folders = [TOOLS, TOOLS / "vm", TOOLS / "lib"]
    # guest-init runs in a virtual machine only.
    return sorted(path for folder in folders for path in folder.iterdir()
                  if path.is_file() and os.access(path, os.X_OK) and path.name != "guest-init")


class ToolsHelp(unittest.TestCase):
    def run_tool(self, tool, argument):
        return subprocess.run([tool, argument], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=60, check=False)

    def test_help(self):
        for tool in tools():
            if tool.name in PASSES_ARGUMENTS_ON:
                continue
            with self.subTest(tool=tool.name):
                done = self.run_tool(tool, "--help")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("usage:", done.stdout)

    def test_unknown_option(self):
        for tool in tools():
            if tool.name in PASSES_ARGUMENTS_ON:
                continue
            with self.subTest(tool=tool.name):
                self.assertEqual(self.run_tool(tool, "--no-such-option").returncode, 2)


if __name__ == "__main__":
    unittest.main()
