#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare the outputs of a synthetic profile with the files in expected/, or rewrite those files.

  rebase.py --program BUILD/tests/golden/write_output            compares, prints a diff, fails if they differ
  rebase.py --program BUILD/tests/golden/write_output --write    rewrites; review the change with git diff
"""
import argparse
import difflib
import pathlib
import subprocess
import sys

EXPECTED = pathlib.Path(__file__).resolve().parent / "expected"


def difference(name, program, write):
    path = EXPECTED / f"{name}.txt"
    actual = subprocess.run([program, name], check=True, stdout=subprocess.PIPE).stdout
    if write:
        path.write_bytes(actual)
        return ""
    expected = path.read_bytes()
    if actual == expected:
        return ""
    lines = [text.decode("utf-8", "backslashreplace").splitlines() for text in (expected, actual)]
    diff = difflib.unified_diff(*lines, f"expected/{name}.txt", "now", lineterm="")
    return "\n".join(diff) or f"{name}: only line ends differ"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--program", required=True, help="the built write_output")
    parser.add_argument("--write", action="store_true", help="rewrite the expected files")
    parser.add_argument("names", nargs="*", help="cases; default: all in expected/")
    arguments = parser.parse_args()
    names = arguments.names or sorted(path.stem for path in EXPECTED.glob("*.txt"))
    if not names:
        sys.exit(f"rebase.py: no files in {EXPECTED}")
    differences = [difference(name, arguments.program, arguments.write) for name in names]
    print("\n".join(filter(None, differences)), end="")
    sys.exit(1 if any(differences) else 0)


if __name__ == "__main__":
    main()
