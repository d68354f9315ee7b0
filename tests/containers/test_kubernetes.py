# SPDX-License-Identifier: Apache-2.0
"""Pods in containerd, as the kubelet makes them: their names from files, and from the socket of the runtime."""
import json
import os
import unittest

from containerd import IMAGE, Containerd
from engines import Engines
from harness import RootTestCase, record, run_pyebpf

# One that pyebpf knows. (CRI-O's, because containerd's own may be in use.)
SOCKET = "/run/crio/crio.sock"
FOREVER = 3600
FREQUENCY = 499
ENOUGH = 20


class Kubernetes(RootTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if os.path.exists(os.path.dirname(SOCKET)):
            raise unittest.SkipTest("%s exists: this machine has CRI-O" % os.path.dirname(SOCKET))
        cls.containerd = Containerd(SOCKET)
        cls.addClassCleanup(cls.containerd.close)
        cls.engines = Engines()
        cls.addClassCleanup(cls.engines.close)

    def container_in(self, cgroup, *options):
        """What `pyebpf ps` knows of the container of the process in this cgroup."""
        completed = run_pyebpf("ps", "--json", "--interval", 0.1, *options)
        self.assertEqual(completed.returncode, 0, completed.stderr)
        containers = [one["container"] for one in json.loads(completed.stdout)["processes"]]
        found = [one for one in containers if one.get("cgroup", "").endswith("/" + cgroup)]
        self.assertEqual(len(found), 1, completed.stdout)
        return found[0]

    def test_a_pod_has_the_names_of_its_files(self):
        """One shim watches all containers of a pod, from the folder of the one that only waits."""
        with self.containerd.pod("shop-1", "app", "trixie", (3, 13), "recursion.py", FOREVER, 4) as pod:
            found = self.container_in(pod.id)
            expected = {"id": pod.id, "name": "app", "pod": "shop-1", "pod_namespace": "test", "runtime": "containerd", "image": IMAGE}
            self.assertEqual({key: found.get(key) for key in expected}, expected)
            for option, value in (("--pod", "test/shop-1"), ("--container", "app"), ("--container", pod.id[:12])):
                with self.subTest(option=option, value=value):
                    recording = record(option, value, "-d", 1, "-F", FREQUENCY, "--per-process")
                    self.assert_status(recording, 0)
                    self.assertEqual({entry["container"] for entry in recording.document["processes"]}, {"app"})
                    leaves = recording.stacks.having("leaf")
                    self.assert_enough(leaves, ENOUGH)
                    self.assertEqual({one.names.count("descend") for one in leaves}, {4})

    def test_the_socket_names_what_no_file_names(self):
        """The container of another cgroup passes for that of the pod, by its id; without its shim, and where no runtime has files."""
        with self.containerd.pod("shop-2", "worker", "trixie", (3, 13), "recursion.py", FOREVER, 3) as pod:
            cgroup = "crio-%s.scope" % pod.id
            with self.engines.run_plain(cgroup, "trixie", (3, 13), "recursion.py", FOREVER, 3) as container:
                container.wait_ready()
                self.assertNotIn("name", self.container_in(cgroup))
                found = self.container_in(cgroup, "--runtime-sockets")
                expected = {"id": pod.id, "name": "worker", "pod": "shop-2", "pod_namespace": "test", "runtime": "cri-o"}
                self.assertEqual({key: found.get(key) for key in expected}, expected)
                self.assertTrue(found["image"])


if __name__ == "__main__":
    unittest.main()
