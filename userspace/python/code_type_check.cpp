// SPDX-License-Identifier: Apache-2.0
#include "python/code_type_check.h"

#include <elf.h>
#include <fmt/format.h>

#include <cstring>
#include <string_view>

namespace pyebpf::python {
namespace {

// PyMemberDef (Include/structmember.h, Include/descrobject.h from 3.12): name, int type, offset,
// int flags, doc. All versions.
constexpr uint64_t kMemberBytes = 40;
constexpr uint64_t kMemberOffset = 16;
constexpr int kMaxMembers = 40;  // 3.15 has 18
constexpr size_t kMaxMemberNameBytes = 32;

// A pointer in initialized data: from its relocation, as a position-independent file does not have
// it in place. Packed relative relocations (DT_RELR) leave it in place.
uint64_t read_pointer(const elf::ElfFile& file, StatedAddress slot) {
    const auto relocation = file.relocation_at(slot);
    if (!relocation) return file.read_u64(slot).value_or(0);
    const bool is_relative =
        relocation->type == (file.machine() == EM_AARCH64 ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE);
    return is_relative ? static_cast<uint64_t>(relocation->addend) : 0;
}

std::string_view read_name(const elf::ElfFile& file, uint64_t address) {
    const auto bytes = file.bytes_from({address}, kMaxMemberNameBytes);
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    const size_t length = bytes.empty() ? 0 : ::strnlen(text, bytes.size());
    return length == bytes.size() ? std::string_view{} : std::string_view{text, length};
}

// Where the layout has a member; kAbsent: not one that we read.
uint16_t expected_offset(const python_layout& walker, std::string_view name) {
    if (name == "co_flags") return walker.code.flags;
    if (name == "co_firstlineno") return walker.code.first_line;
    if (name == "co_filename") return walker.code.file_name;
    if (name == "co_name") return walker.code.name;
    if (name == "co_qualname") return walker.code.qualified_name;
    if (name == "co_linetable") return walker.code.line_table;
    // From 3.10 on co_lnotab is computed from the line table.
    if (name == "co_lnotab")
        return walker.major == 2 || walker.minor < 10 ? walker.code.line_table : kAbsent;
    return kAbsent;
}

}  // namespace

const Layout* matching_build(const elf::ElfFile& file, StatedAddress code_type,
                             std::span<const Layout> builds, bool free_threaded) {
    for (const Layout& layout : builds) {
        if ((layout.walker.free_threaded != 0) != free_threaded) continue;
        if (file.read_u64(code_type + layout.type_basic_size) == layout.code_basic_size)
            return &layout;
    }
    return nullptr;
}

Result<void> compare_code_members(const elf::ElfFile& file, StatedAddress code_type,
                                  const Layout& layout, const python_layout& walker) {
    const uint64_t members = read_pointer(file, code_type + layout.type_members);
    for (int i = 0; i < kMaxMembers && members != 0; ++i) {
        const StatedAddress member =
            StatedAddress{members} + static_cast<uint64_t>(i) * kMemberBytes;
        const uint64_t name_address = read_pointer(file, member);
        if (name_address == 0) break;
        const std::string_view name = read_name(file, name_address);
        const uint16_t expected = expected_offset(walker, name);
        if (expected == kAbsent) continue;
        const auto stated = file.read_u64(member + kMemberOffset);
        if (stated && *stated != expected) {
            return fail(fmt::format(
                "its code objects have {} at {} instead of {}: it is a modified CPython", name,
                *stated, expected));
        }
    }
    return {};
}

}  // namespace pyebpf::python
