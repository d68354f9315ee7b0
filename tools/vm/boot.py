#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command as root under another kernel, on this machine's own files.

usage: tools/vm/boot.py [--root DIR] [--memory MIB] [--cpus N] [--timeout SECONDS] [--verbose] SERIES COMMAND...

SERIES is a kernel that tools/vm/fetch-kernel knows. qemu emulates the machine (no KVM, so it works the same everywhere and inside
of other virtual machines). The guest sees the host's files, or those of another root such as tools/pythons sets up; whatever it
writes goes to a layer in its memory and is gone afterwards. The command runs in the caller's current folder, or in / if the
guest's root does not have it.

The command's output is this program's output. The exit status is the command's, 124 if it took too long, or 125 if the guest
died; in these cases the end of the kernel's log is on stderr.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

VM_DIR = Path(__file__).resolve().parent
MARK = "pyebpf-vm: "
TIMED_OUT = 124
GUEST_DIED = 125
CONSOLE_LINES = 40

# A boot that crashes or hangs before the command starts is tried again: under emulation about one in twelve boots of a 7.2 kernel
# hangs. What happens after that point is never repeated.
BOOT_ATTEMPTS = 3
BOOT_LIMIT_SECONDS = 90

KERNEL_ARGUMENTS = "console=ttyS0 panic=-1 mitigations=off random.trust_cpu=on no_timer_check tsc=reliable audit=0"


class VmError(Exception):
    """The machine could not be set up; the text is for the user."""


@dataclass
class Outcome:
    """What became of a command in a guest."""
    release: str
    status: int
    boot_seconds: float
    total_seconds: float
    console: str


@dataclass
class Machine:
    root: str = "/"
    memory_mib: int = 1536
    cpus: int = 2
    timeout_seconds: float = 300
    verbose: bool = False


def cpu_model(release):
    """la57 and pku only slow the emulation down. Without cmpxchg16b for 6.12 alone: with it, qemu 7.2 crashes that kernel in its
    slab allocator in a third of the boots; without it, kmalloc_nolock() of later kernels fails in interrupts, which BPF needs."""
    model = "max,la57=off,-pku"
    return model + ",-cx16" if release.startswith("6.12.") else model


def fetch_kernel(series):
    done = subprocess.run([VM_DIR / "fetch-kernel", series], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise VmError(f"cannot get kernel {series}")
    return Path(done.stdout.strip())


def tied(command):
    """The command, killed by the kernel when this program ends in whatever way: nothing is left running."""
    return ["setpriv", "--pdeathsig", "KILL", "--", *map(str, command)]


def share_command(root, socket):
    """virtiofsd came with qemu until Debian 12 and is a package and program of its own, with other options, since."""
    of_qemu = Path("/usr/lib/qemu/virtiofsd")
    if of_qemu.exists():
        return [of_qemu, f"--socket-path={socket}", "-o", f"source={root}", "-o", "cache=always", "-o", "sandbox=chroot",
                "-o", "no_posix_lock"]
    return ["/usr/libexec/virtiofsd", f"--socket-path={socket}", f"--shared-dir={root}", "--cache=always", "--sandbox=chroot"]


def qemu_command(machine, kernel, release, initrd, console, socket):
    memory = f"memory-backend-memfd,id=memory,size={machine.memory_mib}M,share=on"
    noise = "ignore_loglevel" if machine.verbose else "quiet"
    return ["qemu-system-x86_64", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", cpu_model(release),
            "-smp", machine.cpus, "-m", machine.memory_mib, "-object", memory, "-numa", "node,memdev=memory",
            "-nodefaults", "-no-reboot", "-display", "none", "-serial", f"file:{console}", "-serial", "stdio",
            "-chardev", f"socket,id=root,path={socket}", "-device", "vhost-user-fs-pci,chardev=root,tag=root",
            "-kernel", kernel / "vmlinux", "-initrd", initrd, "-append", f"{KERNEL_ARGUMENTS} {noise}"]


def write_initrd(kernel, command, path):
    """The kernel's initrd followed by an archive with the first process and the job (the kernel unpacks one after the other)."""
    with tempfile.TemporaryDirectory() as tree:
        shutil.copy(VM_DIR / "guest-init", Path(tree) / "init")
        job = Path(tree) / "job"
        job.mkdir()
        (job / "folder").write_text(os.getcwd())
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
        (job / "command").write_text(f"#!/bin/sh\n{exports}{command}\n")
        (job / "command").chmod(0o755)
        archive = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=tree,
                                 input=b"init\njob\njob/folder\njob/command\n", stdout=subprocess.PIPE, check=True).stdout
    path.write_bytes((kernel / "initrd.cpio").read_bytes() + archive)


def console_text(console):
    return console.read_text(errors="replace") if console.exists() else ""


def marked(text, word):
    """What follows `pyebpf-vm: WORD` on the console (perhaps behind a message of the kernel), or None."""
    _, found, rest = text.partition(MARK + word)
    return rest.partition("\n")[0].strip() if found else None


def stop(process):
    if process.poll() is None:
        process.kill()
    process.wait()


def run_once(machine, kernel, release, initrd, folder, output):
    """One boot. Returns (whether the command started, Outcome)."""
    console, socket = folder / "console", folder / "root.socket"
    for stale in (console, socket):
        stale.unlink(missing_ok=True)
    with open(folder / "virtiofsd.log", "wb") as log:
        share = subprocess.Popen(tied(share_command(machine.root, socket)), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 10
        while not socket.exists():
            if share.poll() is not None or time.monotonic() > deadline:
                raise VmError("virtiofsd does not start: " + (folder / "virtiofsd.log").read_text(errors="replace").strip())
            time.sleep(0.02)
        began = time.monotonic()
        with open(folder / "qemu.log", "wb") as log:
            qemu = subprocess.Popen(tied(qemu_command(machine, kernel, release, initrd, console, socket)),
                                    stdin=subprocess.DEVNULL, stdout=output, stderr=log)
        try:
            boot_seconds = watch(machine, qemu, console, began)
        finally:
            timed_out = qemu.poll() is None
            stop(qemu)
    finally:
        stop(share)
    text = console_text(console)
    exit_status = marked(text, "exit ")
    status = GUEST_DIED
    if exit_status is not None and exit_status.isdigit():
        status = int(exit_status)
    elif timed_out and boot_seconds is not None:
        status = TIMED_OUT
    log_text = text + (folder / "qemu.log").read_text(errors="replace")
    outcome = Outcome(release, status, boot_seconds or 0, time.monotonic() - began, log_text)
    return boot_seconds is not None, outcome


def watch(machine, qemu, console, began):
    """Waits for qemu to end, or for a limit. Returns the seconds until the command started, None if it did not."""
    boot_seconds = None
    while qemu.poll() is None:
        elapsed = time.monotonic() - began
        if boot_seconds is None:
            if marked(console_text(console), "start") is not None:
                boot_seconds = elapsed
            elif elapsed > BOOT_LIMIT_SECONDS:
                break
        elif elapsed - boot_seconds > machine.timeout_seconds:
            break
        time.sleep(0.05)
    if boot_seconds is None and marked(console_text(console), "start") is not None:
        boot_seconds = time.monotonic() - began
    return boot_seconds


def run(series, command, machine=Machine(), output=None):
    """Runs a shell command line under a kernel series; its output goes to the file `output` (default: stdout)."""
    kernel = fetch_kernel(series)
    release = (kernel / "release").read_text().strip()
    with tempfile.TemporaryDirectory(prefix="pyebpf-vm-") as name:
        folder = Path(name)
        initrd = folder / "initrd"
        write_initrd(kernel, command, initrd)
        for attempt in range(1, BOOT_ATTEMPTS + 1):
            started, outcome = run_once(machine, kernel, release, initrd, folder, output)
            if started:
                return outcome
            print(f"vm: boot {attempt} of {release} failed", file=sys.stderr)
        return outcome


def report_trouble(outcome, machine):
    """What the user must see on stderr of a guest that died or took too long."""
    if outcome.status == TIMED_OUT:
        print(f"vm: the command took longer than {machine.timeout_seconds:g} s", file=sys.stderr)
    elif outcome.status == GUEST_DIED:
        print(f"vm: the guest with {outcome.release} died; its last messages:", file=sys.stderr)
    if machine.verbose or outcome.status in (TIMED_OUT, GUEST_DIED):
        lines = outcome.console.splitlines()
        print("\n".join(lines if machine.verbose else lines[-CONSOLE_LINES:]), file=sys.stderr)


def main(arguments):
    parser = argparse.ArgumentParser(prog="tools/vm/boot.py", description=__doc__.split("usage:")[0].strip(),
                                     epilog=__doc__.split("COMMAND...\n")[1],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = Machine()
    parser.add_argument("--root", default=defaults.root, help="root file system of the guest (default: %(default)s)")
    parser.add_argument("--memory", type=int, default=defaults.memory_mib, metavar="MIB", help="(default: %(default)s)")
    parser.add_argument("--cpus", type=int, default=defaults.cpus, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=defaults.timeout_seconds, metavar="SECONDS",
                        help="limit for the command, from its start (default: %(default)s)")
    parser.add_argument("--verbose", action="store_true", help="show the kernel's messages")
    parser.add_argument("series", metavar="SERIES")
    parser.add_argument("command", metavar="COMMAND", nargs=argparse.REMAINDER,
                        help="one argument is a shell command line, several are a program and its arguments")
    options = parser.parse_args(arguments)
    if options.command[:1] == ["--"]:
        options.command.pop(0)
    if not options.command:
        parser.error("no command given")
    command = options.command[0] if len(options.command) == 1 else shlex.join(options.command)
    machine = Machine(options.root, options.memory, options.cpus, options.timeout, options.verbose)
    try:
        outcome = run(options.series, command, machine)
    except VmError as error:
        print(f"vm: {error}", file=sys.stderr)
        return GUEST_DIED
    report_trouble(outcome, machine)
    return outcome.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
