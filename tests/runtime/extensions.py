# SPDX-License-Identifier: Apache-2.0
"""The tests' own extension modules (tests/extensions), compiled once and put where every interpreter finds them."""
import atexit
import functools
import os
import shutil
import subprocess
import sysconfig
import tempfile

from harness import TESTS

SOURCES = os.path.join(TESTS, "extensions")
# Without sibling calls and with a frame for each function, the frames are what the source says; without frame pointers, as
# distributions build.
FLAGS = ["-O2", "-g", "-fPIC", "-shared", "-fomit-frame-pointer", "-fno-optimize-sibling-calls", "-fno-ipa-icf"]
WARNINGS = ["-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Wno-register"]  # 2.7's headers
LIMITED_API = "-DPy_LIMITED_API=0x03060000"  # one module for 3.6 and all that follow
CPP = ["-std=c++17", "-fno-exceptions", "-fno-rtti"]  # needs no C++ library, whose version the roots differ in


def run(*command):
    subprocess.run([str(argument) for argument in command], check=True)


def headers(interpreter):
    """Its folder of C headers, or None. Not for interpreters in a root folder, which are there without headers."""
    if interpreter.root is not None:
        return None
    expression = "import sysconfig; print(sysconfig.get_path('include'))"
    folder = subprocess.run([interpreter.path, "-c", expression], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    return folder if os.path.exists(os.path.join(folder, "Python.h")) else None


def compile_c_modules(folder, include, *macros):
    os.makedirs(folder, exist_ok=True)
    run("gcc", *FLAGS, *WARNINGS[:-1], *macros, "-I", include, os.path.join(SOURCES, "frames.c"), "-o", os.path.join(folder, "frames.so"))
    source = os.path.join(SOURCES, "tower.cpp")
    run("g++", *FLAGS, *WARNINGS, *CPP, *macros, "-I", include, source, "-o", os.path.join(folder, "tower.so"))


def place(folder, root):
    """The modules under the same path inside another root."""
    copy = os.path.join(root, folder[1:])
    shutil.copytree(folder, copy, dirs_exist_ok=True)
    os.chmod(copy, 0o755)
    atexit.register(shutil.rmtree, copy, ignore_errors=True)


@functools.lru_cache(maxsize=None)
def c_modules(found):
    """A folder with the modules `frames` and `tower` in py2 and py3, the same path for each of the interpreters."""
    folder = tempfile.mkdtemp(prefix="pyebpf-extensions-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.chmod(folder, 0o755)
    compile_c_modules(os.path.join(folder, "py3"), sysconfig.get_path("include"), LIMITED_API)
    for interpreter in found:
        if interpreter.minor < (3, 0) and headers(interpreter):
            compile_c_modules(os.path.join(folder, "py2"), headers(interpreter))
    for root in {interpreter.root for interpreter in found if interpreter.root}:
        place(folder, root)
    return folder


@functools.lru_cache(maxsize=None)
def cython_module(interpreter):
    """A folder with the module `cython_frames` for this interpreter; needs its headers."""
    folder = tempfile.mkdtemp(prefix="pyebpf-cython-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    code = os.path.join(folder, "cython_frames.c")
    run("cython3", "-3", os.path.join(SOURCES, "cython_frames.pyx"), "-o", code)
    # The C compiler would make one frame of all functions that are called once.
    module = os.path.join(folder, "cython_frames.so")
    run("gcc", *FLAGS, "-fno-inline", "-w", "-I", headers(interpreter), code, "-o", module)
    return folder
