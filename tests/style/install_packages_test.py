# SPDX-License-Identifier: Apache-2.0
"""tools/install-packages with a package manager that only records what it is asked, and a made-up list of packages."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

PACKAGES = """
# a comment
build  present
build  absent              # another comment
build  old|new             unless no-such-command
build  never               unless sh
test   only-after-update
"""

# `known` holds the packages that the sources have; `update` adds one; every call is written to `calls`.
PROGRAMS = {
    "id": "echo 0",
    "dpkg-query": 'echo "installed present"; echo "not-installed absent"',
    "apt-cache": 'grep -qx "$2" "$STATE/known" && echo "  Candidate: 1.0" || echo "  Candidate: (none)"',
    "apt-get": """
packages=
for word; do
    case $word in
        update | install) verb=$word ;;
        -* | *=*) ;;
        *) packages="$packages $word" ;;
    esac
done
echo "$verb$packages" >>"$STATE/calls"
[ "$verb" != update ] || echo only-after-update >>"$STATE/known"
[ "$verb" != install ] || [ ! -e "$STATE/stale" ] || { rm "$STATE/stale"; exit 100; }
""",
}


class InstallPackages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.state = Path(folder.name)
        tools = self.state / "checkout" / "tools"
        (tools / "lib").mkdir(parents=True)
        shutil.copy(ROOT / "tools" / "install-packages", tools)
        shutil.copy(ROOT / "tools" / "lib" / "common.sh", tools / "lib")
        (tools / "packages").write_text(PACKAGES)
        (self.state / "known").write_text("absent\nnew\n")
        programs = self.state / "bin"
        programs.mkdir()
        for name, body in PROGRAMS.items():
            (programs / name).write_text(f"#!/bin/sh\n{body}\n")
            (programs / name).chmod(0o755)
        self.tool = tools / "install-packages"
        self.environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "STATE": str(self.state)}

    def run_tool(self, *arguments):
        return subprocess.run([self.tool, *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False)

    def calls(self):
        """The verbs of apt-get with the packages."""
        calls = self.state / "calls"
        words = [line.split() for line in calls.read_text().splitlines()] if calls.exists() else []
        return [(verb, packages) for verb, *packages in words]

    def test_lists_what_is_missing(self):
        self.assertEqual(self.run_tool("--list", "build").stdout.split(), ["absent", "new"])
        self.assertEqual(self.calls(), [])

    def test_installs_what_is_missing_without_update(self):
        self.assertEqual(self.run_tool("build").returncode, 0)
        self.assertEqual(self.calls(), [("install", ["absent", "new"])])

    def test_updates_once_for_an_unknown_package(self):
        self.assertEqual(self.run_tool("build", "test").returncode, 0)
        self.assertEqual(self.calls(), [("update", []), ("install", ["absent", "new", "only-after-update"])])

    def test_names_a_package_that_no_source_has(self):
        (self.state / "known").write_text("absent\n")
        done = self.run_tool("build")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no package source has: old|new", done.stderr)

    def test_updates_and_tries_again_when_the_lists_are_stale(self):
        (self.state / "stale").touch()
        self.assertEqual(self.run_tool("build").returncode, 0)
        self.assertEqual([verb for verb, _ in self.calls()], ["install", "update", "install"])

    def test_refuses_an_unknown_purpose(self):
        self.assertEqual(self.run_tool("pleasure").returncode, 2)
        self.assertEqual(self.run_tool().returncode, 2)


if __name__ == "__main__":
    unittest.main()
