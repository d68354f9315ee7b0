# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/containers.md, of the engines that are here, with a shorter duration."""
import os
import re
import shlex
import tempfile
import unittest

from engines import PROJECT, Engines
from harness import RootTestCase, run_pyebpf

PAGE = os.path.join(PROJECT, "docs", "containers.md")
INTRODUCTION = ""


def commands_of_page():
    """{title of the section: arguments of each `sudo pyebpf` in it}"""
    commands, title = {}, INTRODUCTION
    with open(PAGE, encoding="utf-8") as page:
        for line in page:
            if line.startswith("## "):
                title = line[3:].strip()
            elif line.startswith("    sudo pyebpf "):
                commands.setdefault(title, []).append(shlex.split(line, comments=True)[2:])
    return commands


class Page(RootTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.engines = Engines()
        cls.addClassCleanup(cls.engines.close)

    def run_commands(self, commands):
        self.assertGreater(len(commands), 0, "the page has no such commands")
        for arguments in commands:
            with self.subTest(command=arguments), tempfile.TemporaryDirectory(prefix="pyebpf-test-") as folder:
                arguments = [re.sub("^(10|30)$", "1", word) for word in arguments]
                completed = run_pyebpf(*arguments, cwd=folder)
                self.assertEqual(completed.returncode, 0, completed.stderr)
                if "-o" in arguments:
                    output = os.path.join(folder, arguments[arguments.index("-o") + 1])
                    self.assertGreater(os.path.getsize(output), 0)

    def test_with_podman(self):
        commands = commands_of_page()
        with self.engines.run_podman("web", "trixie", (3, 13), "recursion.py", 3600, 3) as container:
            container.wait_ready()
            self.run_commands(commands[INTRODUCTION] + commands["Podman"])

    def test_with_nspawn(self):
        by_machine = [one for one in commands_of_page()["systemd"] if "--container" in one]
        with self.engines.run_nspawn("web", "trixie", (3, 13), "recursion.py", 3600, 3) as container:
            container.wait_ready()
            self.run_commands(by_machine)


if __name__ == "__main__":
    unittest.main()
