#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one check on every CPython of find_interpreters.py and names the supported versions that are not on this machine.

    for_each_interpreter.py line-tables LINE_TABLE_PROPERTY   decoders against the interpreter, on its whole standard library
    for_each_interpreter.py runtime RUNTIME_LIVE              inspect() and the thread state of a live process

Exits with 1 if a check fails or no interpreter was found. With PYEBPF_INTERPRETERS="3.11 3.13" only those versions run.
"""
import argparse
import os
import shutil
import subprocess
import sys
import time

import find_interpreters

FOLDER = os.path.dirname(os.path.abspath(__file__))


def line_tables(program, command):
    """(passed, text)"""
    script = os.path.join(FOLDER, "dump_line_tables.py")
    copy = None
    if command[0] == "chroot":  # the script must be inside the root
        copy = os.path.join(command[1], "tmp", "pyebpf_dump_line_tables_%d.py" % os.getpid())
        shutil.copyfile(script, copy)
        script = "/tmp/" + os.path.basename(copy)
    try:
        dump = subprocess.Popen(command + [script], stdout=subprocess.PIPE)
        check = subprocess.run([program], stdin=dump.stdout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        dump.stdout.close()
        dump_status = dump.wait()
    finally:
        if copy:
            os.unlink(copy)
    return check.returncode == 0 and dump_status == 0, check.stdout.decode("utf-8", "replace").rstrip()


def runtime(program, command):
    """(passed, text)"""
    check = subprocess.run([program] + command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return check.returncode == 0, check.stdout.decode("utf-8", "replace").rstrip()


CHECKS = {"line-tables": line_tables, "runtime": runtime}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=sorted(CHECKS))
    parser.add_argument("program", help="the built test program")
    options = parser.parse_args()
    only = os.environ.get("PYEBPF_INTERPRETERS", "").split()
    found = find_interpreters.find()
    failed = checked = 0
    for version, command in found:
        if only and version.rsplit(".", 1)[0] not in only:
            continue
        start = time.monotonic()
        passed, text = CHECKS[options.check](options.program, command)
        checked += 1
        failed += not passed
        print("%s  %-8s %5.1f s  %s" % ("ok  " if passed else "FAIL", version, time.monotonic() - start, " ".join(command)))
        print("      " + text.replace("\n", "\n      "), flush=True)
    for minor in find_interpreters.missing(found):
        print("none  %-8s not on this machine" % minor)
    print("%d interpreters checked, %d failed" % (checked, failed))
    return 1 if failed or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
