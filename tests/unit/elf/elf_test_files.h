// SPDX-License-Identifier: Apache-2.0
// Access to the ELF files that CMakeLists.txt builds from tests/data/elf.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "elf/elf_file.h"

namespace pyebpf::elf {

inline std::string test_path(const std::string& name) {
    return std::string(ELF_TEST_DATA) + "/" + name;
}

inline std::shared_ptr<const ElfFile> open_elf(const std::string& path) {
    auto file = ElfFile::open(path);
    if (!file) throw std::runtime_error(file.error().message);
    return *file;
}

inline std::shared_ptr<const ElfFile> elf_of(std::vector<uint8_t> bytes) {
    auto file = ElfFile::from_bytes(std::move(bytes), "test image");
    if (!file) throw std::runtime_error(file.error().message);
    return *file;
}

inline std::vector<uint8_t> bytes_of(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) throw std::runtime_error("cannot read " + path);
    return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace pyebpf::elf
