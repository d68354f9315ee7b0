# SPDX-License-Identifier: Apache-2.0
"""tools/check-style against made-up checkouts with one violation each."""

import unittest

from checkout import ROOT, CheckoutTest

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"


class CheckStyle(CheckoutTest):
    def assert_finds(self, check, *expected):
        status, lines = self.run_tool("check-style", check)
        self.assertEqual(lines, list(expected))
        self.assertEqual(status, 1 if expected else 0)

    def test_format(self):
        self.write(".clang-format", (ROOT / ".clang-format").read_text())
        self.write("userspace/a/good.cpp", SPDX + "int zero() {\n    return 0;\n}\n")
        self.write("userspace/a/bad.cpp", SPDX + "int zero( ) {\n  return 0;\n}\n")
        self.assert_finds("format", "userspace/a/bad.cpp:2: not formatted (tools/check-style --fix format)")
        self.assertEqual(self.run_tool("check-style", "--fix", "format"), (0, []))
        self.assertIn("int zero() {", (self.root / "userspace/a/bad.cpp").read_text())

    def test_header(self):
        self.write("userspace/a/good.h", SPDX)
        self.write("userspace/a/bad.h", "#pragma once\n" + SPDX)
        self.write("tools/good", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n")
        self.write("tools/bad", "#!/bin/sh\n")
        self.write("tools/no-script", "data\n")
        self.assert_finds("header", "tools/bad:1: does not begin with an SPDX line",
                          "userspace/a/bad.h:1: does not begin with an SPDX line")

    def test_shell(self):
        self.write("tools/good", "#!/usr/bin/env bash\nset -eu\necho \"$1\"\n")
        self.write("tools/bad", "#!/usr/bin/env bash\nset -eu\nrm $1\n")
        status, lines = self.run_tool("check-style", "shell")
        self.assertEqual(status, 1)
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].startswith("tools/bad:3:"), lines[0])

    def test_docs_name_files_that_exist(self):
        self.write("tools/run", "")
        self.write("docs/a.md", "Call `sudo tools/run record`, not `tools/walk`.\nSee [b](b.md), [run](../tools/run), "
                                "[the web](https://example.org) and [above](#top).\n`tools/NAME` and `userspace/<folder>` stand for others.\n")
        self.assert_finds("docs", "docs/a.md:1: names tools/walk, which does not exist",
                          "docs/a.md:2: links to b.md, which does not exist")

    def test_paths_of_one_machine(self):
        self.write("docs/a.md", f"in {self.root}/docs\nin /home/someone/pyebpf\nin /proc/PID/root/usr and ~/.cache\nin /root/pyebpf\n")
        self.write("tests/a.cpp", "// /home/someone/app.py is a made-up path\n")
        status, lines = self.run_tool("check-style", "paths")
        self.assertEqual(status, 1)
        self.assertEqual([line.split(" ")[0] for line in lines], ["docs/a.md:1:", "docs/a.md:2:", "docs/a.md:4:"])

    def test_unknown_check(self):
        self.assertEqual(self.run_tool("check-style", "beauty")[0], 2)


if __name__ == "__main__":
    unittest.main()
