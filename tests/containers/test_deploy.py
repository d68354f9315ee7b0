# SPDX-License-Identifier: Apache-2.0
"""The image of tools/deploy, run with the capabilities of its Kubernetes manifest and no others, profiles a neighbour."""
import json
import os
import re
import subprocess
import unittest

from engines import LIMITS, PROJECT, Engines
from harness import HANG_SECONDS, RootTestCase, pyebpf_path
from stacks import Stacks

MANIFEST = os.path.join(PROJECT, "tools", "deploy", "kubernetes.yaml")
IMAGE = "localhost/pyebpf:test"
# What the manifest says besides capabilities, in podman's words.
OTHER_RIGHTS = ["--security-opt", "seccomp=unconfined", "--security-opt", "no-new-privileges", "--pid", "host", "--read-only"]


def capabilities_of_manifest():
    with open(MANIFEST, encoding="utf-8") as stream:
        text = stream.read()
    assert re.search(r"drop: \[ALL\]", text), "the manifest does not drop all capabilities"
    return re.search(r"add: \[([^\]]*)\]", text)[1].replace(" ", "").split(",")


class Deploy(RootTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.engines = Engines()
        cls.addClassCleanup(cls.engines.close)
        build = [os.path.join(PROJECT, "tools", "deploy", "build-image"), "--program", pyebpf_path(), "--tag", IMAGE]
        completed = subprocess.run(
            build + ["--"] + cls.engines.podman("build"),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=HANG_SECONDS, check=False,
        )
        if completed.returncode != 0:
            raise AssertionError("the image was not built:\n" + completed.stdout)

    def run_image(self, *arguments, capabilities):
        options = ["run", "--rm", "--network", "none", "--cap-drop", "ALL"] + LIMITS + OTHER_RIGHTS
        options += [word for name in capabilities for word in ("--cap-add", name)]
        options += ["-v", "/sys/fs/cgroup:/sys/fs/cgroup:ro", "-v", self.engines.folder + ":/profiles", IMAGE]
        return subprocess.run(
            self.engines.podman(*options) + [str(argument) for argument in arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=HANG_SECONDS, check=False,
        )

    def test_profiles_a_neighbour_with_the_capabilities_of_the_manifest(self):
        with self.engines.run_podman("neighbour", "trixie", (3, 13), "recursion.py", 3600, 3) as neighbour:
            neighbour.wait_ready()
            output = ["-o", "/profiles/out.folded", "--stats", "/profiles/stats.json", "--per-process"]
            completed = self.run_image(
                "record", "--container", "neighbour", "-d", 3, "-F", 499, *output, capabilities=capabilities_of_manifest()
            )
            self.assertEqual(completed.returncode, 0, completed.stderr)
            with open(self.engines.folder + "/out.folded", encoding="utf-8") as stream:
                stacks = Stacks.parse(stream.read())
            self.assert_enough(stacks.having("leaf"), 20)
            wrong = stacks.having("leaf").where(lambda one: one.names != ["<module>", "main"] + ["descend"] * 3 + ["leaf"])
            self.assertEqual(wrong.count, 0, wrong.describe(4))
            with open(self.engines.folder + "/stats.json", encoding="utf-8") as stream:
                document = json.load(stream)
            self.assertEqual({entry["container"] for entry in document["processes"]}, {"neighbour"})
            completed = self.run_image("ps", "--json", "--interval", 0.2, capabilities=capabilities_of_manifest())
            names = [one["container"].get("name") for one in json.loads(completed.stdout)["processes"]]
            self.assertIn("neighbour", names)

    def test_says_which_capability_is_missing(self):
        for name in ("BPF", "PERFMON", "SYS_PTRACE"):
            with self.subTest(missing=name):
                kept = [one for one in capabilities_of_manifest() if one != name]
                completed = self.run_image("record", "-a", "-d", 1, "-o", "/profiles/none.folded", capabilities=kept)
                self.assertEqual(completed.returncode, 1, completed.stderr)
                self.assertIn("CAP_" + name, completed.stderr)


if __name__ == "__main__":
    unittest.main()
