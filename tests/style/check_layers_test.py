# SPDX-License-Identifier: Apache-2.0
"""tools/check-layers against made-up checkouts with one violation each."""

import unittest

from checkout import CheckoutTest


class CheckLayers(CheckoutTest):
    def setUp(self):
        super().setUp()
        folders = ["base", "sys", "elf", "profile", "symbolize", "loader", "output", "app"]
        self.write("userspace/CMakeLists.txt", "".join(f"add_subdirectory({folder})\n" for folder in folders))
        self.write("bpf/abi/types.h", "#include <stdint.h>\n")
        self.write("bpf/sampler.bpf.c", '#include "vmlinux.h"\n#include "bpf/abi/types.h"\n')

    def assert_violation(self, file, include, text):
        self.write(file, f"// a comment\n#include {include}\n")
        status, lines = self.run_tool("check-layers")
        self.assertEqual(status, 1)
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].startswith(f"{file}:2: "), lines[0])
        self.assertIn(text, lines[0])

    def assert_allowed(self, file, include):
        self.write(file, f"#include {include}\n")
        self.assertEqual(self.run_tool("check-layers"), (0, []))

    def test_allows_lower_folders(self):
        self.assert_allowed("userspace/output/a.cpp", '"profile/profile.h"')

    def test_allows_own_folder(self):
        self.assert_allowed("userspace/output/a.cpp", '"output/a.h"')

    def test_refuses_higher_folders(self):
        self.assert_violation("userspace/profile/a.h", '"output/a.h"', "comes after it")

    def test_system_header_in_a_folder_named_as_ours_is_the_systems(self):
        self.assert_allowed("userspace/base/a.cpp", "<sys/mman.h>")

    def test_refuses_our_header_in_angle_brackets(self):
        self.write("userspace/base/result.h", "")
        self.assert_violation("userspace/elf/a.cpp", "<base/result.h>", "angle brackets")

    def test_refuses_relative_headers(self):
        self.assert_violation("userspace/elf/a.cpp", '"../base/result.h"', "no path from userspace/")

    def test_output_knows_no_bpf(self):
        self.assert_violation("userspace/output/a.cpp", '"bpf/abi/types.h"', "must know nothing of BPF")

    def test_profile_knows_no_bpf(self):
        self.assert_violation("userspace/profile/a.cpp", '"bpf/abi/types.h"', "must know nothing of BPF")

    def test_allows_the_abi_elsewhere(self):
        self.assert_allowed("userspace/loader/a.cpp", '"bpf/abi/types.h"')

    def test_user_space_sees_only_the_abi_of_bpf(self):
        self.assert_violation("userspace/loader/a.cpp", '"bpf/python.bpf.h"', "bpf/abi/ only")

    def test_libbpf_stays_in_loader(self):
        self.assert_allowed("userspace/loader/a.cpp", "<bpf/libbpf.h>")
        self.assert_violation("userspace/app/a.cpp", "<bpf/libbpf.h>", "libbpf")

    def test_skeletons_stay_in_loader(self):
        self.assert_violation("userspace/app/a.cpp", '"sampler.skel.h"', "libbpf")

    def test_libelf_stays_in_elf_and_symbolize(self):
        self.assert_allowed("userspace/elf/a.cpp", "<gelf.h>")
        self.assert_allowed("userspace/symbolize/a.cpp", "<elfutils/libdw.h>")
        self.assert_violation("userspace/app/a.cpp", "<libelf.h>", "libelf")

    def test_command_line_library_stays_in_app(self):
        self.assert_violation("userspace/output/a.cpp", "<CLI/CLI.hpp>", "CLI11")

    def test_json_stays_in_output_and_app(self):
        self.assert_allowed("userspace/output/a.cpp", "<nlohmann/json.hpp>")
        self.assert_violation("userspace/elf/a.cpp", "<nlohmann/json.hpp>", "JSON")

    def test_the_abi_includes_itself_only(self):
        self.assert_violation("bpf/abi/record.h", "<linux/types.h>", "bpf/abi/")

    def test_bpf_knows_no_user_space(self):
        self.assert_violation("bpf/other.bpf.c", '"base/result.h"', "nothing of user space")

    def test_a_folder_without_a_place_in_the_order(self):
        self.write("userspace/stray/a.cpp", "")
        status, lines = self.run_tool("check-layers")
        self.assertEqual(status, 1)
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("userspace/stray", lines[0])


if __name__ == "__main__":
    unittest.main()
