#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Finds every CPython that tests can run: one line "version<TAB>command" for each distinct interpreter.

Looked at: python2.7 and python3.x on PATH and in /usr/bin and /usr/local/bin, the versions of pyenv (PYENV_ROOT or ~/.pyenv),
and root folders, whose interpreters run by `chroot ROOT PYTHON` (needs root): those named in PYEBPF_ROOTFS, separated by colons,
or without it those that `tools/pythons setup` made.
With --missing, the supported versions that were not found are listed on stderr and the exit status is 1.
"""
import argparse
import glob
import os
import re
import subprocess
import sys

SUPPORTED = ["2.7"] + ["3.%d" % minor for minor in range(6, 16)]
NAMES = ["python2.7"] + ["python3.%d%s" % (minor, suffix) for minor in range(6, 16) for suffix in ("", "m", "t", "d")]
PROBE = (
    "import platform, sys;"
    "sys.stdout.write('%s %d.%d.%d' % ((platform.python_implementation(),) + tuple(sys.version_info[:3])))"
)


def candidates():
    """Commands that may be interpreters, as argument lists."""
    folders = os.environ.get("PATH", "").split(os.pathsep) + ["/usr/bin", "/usr/local/bin"]
    for folder in folders:
        for name in NAMES:
            yield [os.path.join(folder, name)]
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    for path in sorted(glob.glob(os.path.join(pyenv, "versions", "*", "bin", "python"))):
        yield [path]
    for root in roots():
        for folder in ("usr/bin", "usr/local/bin"):
            for name in NAMES:
                if os.path.lexists(os.path.join(root, folder, name)):
                    yield ["chroot", root, "/" + os.path.join(folder, name)]


def roots():
    if "PYEBPF_ROOTFS" in os.environ:
        return [root for root in os.environ["PYEBPF_ROOTFS"].split(":") if root]
    cache = os.environ.get("PYEBPF_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "pyebpf")
    return sorted(glob.glob(os.path.join(cache, "rootfs", "*", "")))


def version_of(command):
    """"3.11.2", or None if this is not a CPython that runs."""
    try:
        answer = subprocess.run(
            command + ["-S", "-c", PROBE], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.fullmatch(r"CPython (\d+\.\d+\.\d+)", answer.stdout.decode("ascii", "replace"))
    return match.group(1) if match else None


def find():
    """[(version, command)] by version; links to the same file count once."""
    found = []
    seen = set()
    for command in candidates():
        if command[0] != "chroot":
            real = os.path.realpath(command[0])
            # A launcher script (pyenv's shims) is not an interpreter of its own.
            if real in seen or not os.access(real, os.X_OK) or not is_elf(real):
                continue
            seen.add(real)
        version = version_of(command)
        if version:
            found.append((version, command))
    return sorted(found, key=lambda one: [int(part) for part in one[0].split(".")])


def is_elf(path):
    with open(path, "rb") as stream:
        return stream.read(4) == b"\x7fELF"


def missing(found):
    have = {version.rsplit(".", 1)[0] for version, _ in found}
    return [minor for minor in SUPPORTED if minor not in have]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--missing", action="store_true", help="name the supported versions that are not here")
    options = parser.parse_args()
    found = find()
    for version, command in found:
        print("%s\t%s" % (version, " ".join(command)))
    if options.missing and missing(found):
        print("not found: " + " ".join(missing(found)), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
