// SPDX-License-Identifier: Apache-2.0
// What an ElfFile says about other files: libraries it needs, relocations against them, where its
// debug information is.
#include <elf.h>
#include <lzma.h>

#include <algorithm>

#include "elf/bytes.h"
#include "elf/elf_file.h"
#include "elf/file_contents.h"

namespace pyebpf::elf {

namespace {

constexpr size_t kMaxUnpackedBytes = size_t{64} << 20;
constexpr uint64_t kMaxDecoderBytes = uint64_t{128} << 20;  // dictionary of xz -9 is 64 MiB
constexpr size_t kMaxLibraryNameBytes = 4096;

// One xz stream; empty if it is damaged or larger than it may be.
std::vector<uint8_t> unpack_xz(std::span<const uint8_t> packed) {
    lzma_stream stream = LZMA_STREAM_INIT;
    if (lzma_stream_decoder(&stream, kMaxDecoderBytes, 0) != LZMA_OK) return {};
    stream.next_in = packed.data();
    stream.avail_in = packed.size();
    std::vector<uint8_t> unpacked;
    lzma_ret state = LZMA_OK;
    while (state == LZMA_OK && unpacked.size() < kMaxUnpackedBytes) {
        const size_t before = unpacked.size();
        const size_t wanted = std::max(packed.size() * 4, size_t{65536});
        unpacked.resize(std::min(kMaxUnpackedBytes, std::max(before * 2, wanted)));
        stream.next_out = unpacked.data() + before;
        stream.avail_out = unpacked.size() - before;
        state = lzma_code(&stream, LZMA_FINISH);
        unpacked.resize(unpacked.size() - stream.avail_out);
    }
    lzma_end(&stream);
    if (state != LZMA_STREAM_END) return {};
    unpacked.shrink_to_fit();
    return unpacked;
}

std::optional<ElfFile::Relocation> find_relocation(std::span<const uint8_t> table,
                                                   StatedAddress slot) {
    for (uint64_t offset = 0;; offset += sizeof(Elf64_Rela)) {
        const auto entry = load<Elf64_Rela>(table, offset);
        if (!entry) return std::nullopt;
        if (entry->r_offset != slot.value) continue;
        return ElfFile::Relocation{.type = static_cast<uint32_t>(ELF64_R_TYPE(entry->r_info)),
                                   .symbol = static_cast<uint32_t>(ELF64_R_SYM(entry->r_info)),
                                   .addend = entry->r_addend};
    }
}

}  // namespace

std::span<const uint8_t> ElfFile::dynamic_strings() const {
    return at({dynamic_.strings}, dynamic_.strings_size);
}

std::vector<std::string_view> ElfFile::needed_libraries() const {
    std::vector<std::string_view> names;
    for (const uint64_t offset : dynamic_.needed) {
        const std::string_view name = text_at(dynamic_strings(), offset, kMaxLibraryNameBytes);
        if (!name.empty()) names.push_back(name);
    }
    return names;
}

std::string_view ElfFile::soname() const {
    if (dynamic_.soname == 0) return {};
    return text_at(dynamic_strings(), dynamic_.soname, kMaxLibraryNameBytes);
}

std::optional<ElfFile::Relocation> ElfFile::relocation_at(StatedAddress slot) const {
    if (auto found = find_relocation(at({dynamic_.relocations}, dynamic_.relocations_size), slot)) {
        return found;
    }
    return find_relocation(at({dynamic_.plt_relocations}, dynamic_.plt_relocations_size), slot);
}

std::optional<ElfFile::DebugLink> ElfFile::debug_link() const {
    const Section* link = section(".gnu_debuglink");
    if (link == nullptr) return std::nullopt;
    const auto contents = section_bytes(*link);
    const std::string_view file = text_at(contents, 0, kMaxLibraryNameBytes);
    const auto crc = load<uint32_t>(contents, (file.size() + 1 + 3) / 4 * 4);
    if (file.empty() || !crc) return std::nullopt;
    return DebugLink{.file = file, .crc = *crc};
}

std::shared_ptr<const ElfFile> ElfFile::mini_debug_info() const {
    const Section* packed = section(".gnu_debugdata");
    if (packed == nullptr) return nullptr;
    std::vector<uint8_t> unpacked = unpack_xz(section_bytes(*packed));
    if (unpacked.empty()) return nullptr;
    auto file = from_bytes(std::move(unpacked), name_ + " (.gnu_debugdata)");
    return file ? *file : nullptr;
}

}  // namespace pyebpf::elf
