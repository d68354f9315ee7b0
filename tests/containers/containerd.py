# SPDX-License-Identifier: Apache-2.0
"""A containerd of the test's own, with pods in it that are made as the kubelet makes them (containerd_pod.py).

Its image has a program to wait with and empty folders to mount others on. Nothing outlives close().
"""
import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile

from engines import PROGRAMS, cgroup_root, python_of_suite, remove_cgroup
from harness import HANG_SECONDS, Lines, environment

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGE = "localhost/pyebpf-test:1"
POD_UID = "0f5c7d5e-0000-4000-8000-0000000000aa"
CONFIGURATION = """
version = 2
root = "%(folder)s/root"
state = "%(folder)s/state"
[grpc]
  address = "%(socket)s"
[ttrpc]
  address = "%(folder)s/ttrpc.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "%(image)s"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
"""


class Containerd:
    """Listens at `socket`, whose folder must not exist."""

    def __init__(self, socket):
        self.socket = socket
        self.folder = tempfile.mkdtemp(prefix="pyebpf-containerd-")
        os.mkdir(os.path.dirname(socket))
        configuration = os.path.join(self.folder, "config.toml")
        with open(configuration, "w", encoding="utf-8") as stream:
            stream.write(CONFIGURATION % {"folder": self.folder, "socket": socket, "image": IMAGE})
        self.process = subprocess.Popen(
            ["containerd", "--config", configuration],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            Lines(self.process.stderr).wait_for("containerd successfully booted")
            archive = os.path.join(self.folder, "image.tar")
            write_image(archive)
            command = ["ctr", "--address", socket, "--namespace", "k8s.io", "images", "import", archive]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=HANG_SECONDS)
        except BaseException:
            self.close()
            raise

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=HANG_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(os.path.dirname(self.socket), ignore_errors=True)
        for hierarchy in {cgroup_root(), *hierarchies()}:
            remove_cgroup(os.path.join(hierarchy, "kubepods", "pod" + POD_UID))
            with contextlib.suppress(OSError):  # not there, or others' pods are in it
                os.rmdir(os.path.join(hierarchy, "kubepods"))

    def pod(self, name, container, suite, minor, *program):
        """A pod of one container, which runs a program of tests/programs."""
        return Pod(self.socket, name, container, suite, minor, program)


class Pod:
    def __init__(self, socket, name, container, suite, minor, program):
        root, python = python_of_suite(suite, minor)
        command = ["/usr/bin/python3", os.path.join(HERE, "containerd_pod.py"), socket, name, POD_UID, container, IMAGE]
        command += [os.path.join(root, "usr") + ":/usr", PROGRAMS + ":/programs", "--", python, "/programs/" + program[0]]
        command += [str(word) for word in program[1:]]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(),
        )
        self.lines = Lines(self.process.stdout)
        self.id = self.lines.wait_for("^[0-9a-f]{64}$").strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.process.stdin.close()
            self.process.wait(timeout=HANG_SECONDS)
        finally:
            self.process.send_signal(signal.SIGKILL)


def hierarchies():
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        return [line.split()[1] for line in mounts if line.split()[2] == "cgroup"]


def write_image(path):
    """As an archive that `ctr images import` takes: an OCI image layout (opencontainers/image-spec, image-layout.md)."""
    links = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64"}
    with open("/bin/busybox", "rb") as stream:
        layer = archive_of({"busybox": stream.read(), "usr/": b"", "programs/": b"", "tmp/": b""}, links)
    blobs = {}

    def add(data, kind):
        digest = hashlib.sha256(data).hexdigest()
        blobs["blobs/sha256/" + digest] = data
        return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + digest, "size": len(data)}

    layers = [add(layer, "layer.v1.tar")]
    configuration = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": ["/busybox", "sleep", "100000"]},
        "rootfs": {"type": "layers", "diff_ids": [layers[0]["digest"]]},
    }
    manifest = {"schemaVersion": 2, "config": add(json.dumps(configuration).encode(), "config.v1+json"), "layers": layers}
    entry = add(json.dumps(manifest).encode(), "manifest.v1+json")
    entry["annotations"] = {"io.containerd.image.name": IMAGE}
    index = {"schemaVersion": 2, "manifests": [entry]}
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": json.dumps(index).encode(), **blobs}
    with open(path, "wb") as stream:
        stream.write(archive_of(files))


def archive_of(files, links=None):
    """Names that end with a slash are folders."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name.rstrip("/"))
            entry.mode = 0o755
            entry.size = len(data)
            entry.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            tar.addfile(entry, io.BytesIO(data))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type = tarfile.SYMTYPE
            entry.linkname = target
            tar.addfile(entry)
    return archive.getvalue()
