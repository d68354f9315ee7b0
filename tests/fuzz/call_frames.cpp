// SPDX-License-Identifier: Apache-2.0
// The contents of .eh_frame or .debug_frame in a sound ELF file, compiled and looked up. First
// byte: which section. A table in small slabs must say the same as one in a large one.
#include "elf/elf_file.h"
#include "elf/unwind_table.h"
#include "fuzz.h"
#include "tests/unit/elf/elf_builder.h"

#include <cstdio>
#include <cstdlib>

using namespace pyebpf;

namespace {

constexpr uint64_t kImageBytes = 0x20000;
constexpr uint64_t kSection = 0x10000;
constexpr size_t kSmallSlabWords = 1024;

unwind_rule rule_at(const std::vector<elf::UnwindTable>& tables, StatedAddress pc) {
    for (const elf::UnwindTable& table : tables) {
        if (const auto rule = table.lookup(pc)) return *rule;
    }
    return {};
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::span<const uint8_t> bytes(data, size);
    const bool is_debug_frame = (fuzz::take<uint8_t>(bytes) & 1) != 0;
    if (bytes.empty() || bytes.size() > 0x8000) return 0;
    elf::ElfBuilder builder(kImageBytes);
    builder.section(is_debug_frame ? ".debug_frame" : ".eh_frame", kSection,
                    {bytes.begin(), bytes.end()});
    const auto file = elf::ElfFile::from_bytes(builder.build(), "image");
    if (!file) std::abort();  // the image itself is sound
    const auto tables = elf::compile_unwind_tables(**file);
    const auto small = elf::compile_unwind_tables(**file, kSmallSlabWords);
    if (!tables || !small) return 0;
    for (const elf::FrameDescription& description : elf::frame_descriptions(**file)) {
        for (uint64_t pc = description.begin.value; pc < description.end.value && pc < kImageBytes;
             pc += 13) {
            const unwind_rule one = rule_at(*tables, {pc});
            const unwind_rule other = rule_at(*small, {pc});
            if (std::memcmp(&one, &other, sizeof(one)) == 0) continue;
            std::fprintf(stderr, "two rules at %#lx\n", static_cast<unsigned long>(pc));
            std::abort();
        }
    }
    return 0;
}
