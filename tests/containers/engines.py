# SPDX-License-Identifier: Apache-2.0
"""Real containers for tests: podman with runc and with crun, systemd-nspawn, and plain namespaces with a cgroup of their own.

All run over the root folders of tools/pythons, with tests/programs mounted. Nothing outlives the `with` block.
"""
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROJECT = os.path.dirname(TESTS)
sys.path.insert(0, os.path.join(TESTS, "runtime"))
from harness import HANG_SECONDS, PROGRAMS, Lines, environment, interpreters  # noqa: E402

# podman's defaults for these limits need CAP_SYS_RESOURCE.
LIMITS = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"]
# A mount namespace with the v2 hierarchy alone, where the machine has a hybrid layout, which crun refuses.
ONLY_V2 = ["unshare", "--mount", "--propagation", "slave", "sh", "-c"]
ONLY_V2 += ['mount -t cgroup2 none /sys/fs/cgroup && exec "$@"', "sh"]


def is_hybrid():
    return not os.path.exists("/sys/fs/cgroup/cgroup.controllers")


def cgroup_root():
    """Where the v2 hierarchy is mounted."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            if line.split()[2] == "cgroup2":
                return line.split()[1]
    raise AssertionError("this machine has no cgroup v2 hierarchy")


def python_of_suite(suite, minor):
    """(root folder, path of the interpreter in it)"""
    for one in interpreters():
        if one.root and os.path.basename(one.root) == suite and one.minor == minor:
            return one.root, one.path
    raise AssertionError("no Python %d.%d of Debian %s: run tools/pythons setup" % (minor + (suite,)))


class Container:
    """A running container. `name` is what pyebpf should call it; `id` its id, if it has one."""

    def __init__(self, name, command, cleanup=(), identity=None, cgroup=None):
        self.name = name
        self.cleanup = list(cleanup)
        self.cgroup = cgroup
        self.identity = identity
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(),
        )
        self.lines = Lines(self.process.stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for command in self.cleanup:
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=HANG_SECONDS, check=False)
        self.process.kill()
        self.process.wait()
        if self.cgroup:
            remove_cgroup(self.cgroup)

    def wait_ready(self):
        self.lines.wait_for("^ready$")
        return self

    def wait_end(self):
        self.lines.rest()
        return self.process.wait(timeout=HANG_SECONDS)


class Engines:
    """Makes containers; one for all tests of a class, because podman's store takes a while to set up."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="pyebpf-engines-")
        self.root_of_cgroups = cgroup_root()

    def close(self):
        for mount in sorted((line.split()[1] for line in open("/proc/self/mounts")), reverse=True):
            if mount.startswith(self.folder + "/"):
                subprocess.run(["umount", "-l", mount], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
        for left in ("libpod_parent", "payload", "supervisor"):  # the engines leave these behind
            remove_cgroup(os.path.join(self.root_of_cgroups, left))

    def podman(self, *arguments, runtime="runc"):
        command = ["podman", "--root", self.folder + "/store", "--runroot", self.folder + "/run"]
        command += ["--tmpdir", self.folder + "/tmp", "--storage-driver", "overlay", "--cgroup-manager", "cgroupfs"]
        command += ["--runtime", shutil.which(runtime, path="/usr/sbin:/usr/bin:/sbin:/bin")]
        if is_hybrid() and runtime == "crun":
            command = ONLY_V2 + command
        return command + list(arguments)

    def run_podman(self, name, suite, minor, *program, runtime="runc", options=()):
        root, python = python_of_suite(suite, minor)
        privileged = ["--privileged", "--pids-limit", "0"] if runtime == "crun" else []
        identity = os.path.join(self.folder, "id-" + name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(identity)
        arguments = ["run", "--rm", "--name", name, "--network", "none", "--cidfile", identity] + privileged + LIMITS
        arguments += list(options) + ["-v", PROGRAMS + ":/programs:ro", "-e", "PYTHONDONTWRITEBYTECODE=1"]
        arguments += ["--rootfs", root + ":O", python] + self.program(program)
        kill = self.podman("rm", "-f", "-t", "0", name, runtime=runtime)
        return Container(name, self.podman(*arguments, runtime=runtime), [kill], identity)

    def run_nspawn(self, name, suite, minor, *program):
        root, python = python_of_suite(suite, minor)
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--volatile=overlay", "-D", root]
        command += ["--machine", name, "--bind-ro=%s:/programs" % PROGRAMS, "--private-network", "--as-pid2", python]
        container = Container(name, command + self.program(program))
        container.cleanup = [["kill", "-TERM", str(container.process.pid)]]
        return container

    def run_plain(self, name, suite, minor, *program):
        """Its name is the path of its cgroup."""
        root, python = python_of_suite(suite, minor)
        folder = os.path.join(self.root_of_cgroups, name)
        os.makedirs(folder, exist_ok=True)
        script = 'echo $$ >"$1/cgroup.procs" && shift && exec unshare --pid --fork --kill-child --mount sh -c \'%s\' sh "$@"' % (
            'mount -t proc proc "$1/proc" && mount --bind "$2" "$1/mnt" && root=$1 && shift 2 && exec chroot "$root" "$@"'
        )
        command = ["sh", "-c", script, "sh", folder, root, PROGRAMS, python] + self.program(program, "/mnt/")
        return Container("/" + name, command, cgroup=folder)

    @staticmethod
    def program(words, folder="/programs/"):
        return [folder + words[0]] + [str(word) for word in words[1:]]


def remove_cgroup(folder):
    """With those below it; processes that are still ending are waited for by trying again."""
    for path, _, _ in os.walk(folder, topdown=False):
        for _ in range(1000):
            try:
                os.rmdir(path)
                break
            except FileNotFoundError:
                break
            except OSError:
                os.sched_yield()
