// SPDX-License-Identifier: Apache-2.0
// Makes small ELF files for tests: sections and symbols as given, one executable segment over all
// of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "elf/elf_file.h"

namespace pyebpf::test {

struct ImageSymbol {
    std::string name;
    uint64_t address = 0;
    uint64_t size = 0;
    uint8_t type = 2;     // STT_FUNC
    uint8_t binding = 1;  // STB_GLOBAL
};

struct ImageSection {
    std::string name;
    std::vector<uint8_t> bytes;
    uint64_t flags = 0;
};

struct Image {
    uint64_t text_address = 0x1000;
    uint64_t text_size = 0x1000;
    std::vector<uint8_t> build_id;
    std::vector<ImageSymbol> symtab;
    std::vector<ImageSymbol> dynsym;
    std::vector<ImageSection> extra;
};

[[nodiscard]] std::vector<uint8_t> make_elf(const Image& image);
[[nodiscard]] std::shared_ptr<const elf::ElfFile> open_elf(const Image& image,
                                                           std::string name = "image");

[[nodiscard]] inline std::vector<uint8_t> to_bytes(std::string_view text) {
    return {text.begin(), text.end()};
}

}  // namespace pyebpf::test
