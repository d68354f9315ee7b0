// SPDX-License-Identifier: Apache-2.0
// Damaged files: every operation must end, and stay within the bytes (which sanitizer builds
// prove).
#include <elf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "elf/unwind_table.h"
#include "elf_test_files.h"

namespace pyebpf::elf {
namespace {

// Everything that reads the file. Returns something that depends on all of it.
size_t use_everything(const ElfFile& file) {
    size_t sum = file.build_id().size() + file.soname().size() + file.needed_libraries().size();
    for (const Section& section : file.sections()) {
        sum += section.name.size() + file.section_bytes(section).size();
        if (const auto stated = file.to_stated(section.offset)) sum += stated->value & 1;
    }
    for (const Segment& segment : file.segments()) {
        sum += file.at(segment.address, segment.file_size).size();
        if (const auto word = file.read_u64(segment.address)) sum += *word & 1;
        if (file.load_bias({0x7f0000000000}, segment.offset)) ++sum;
        if (file.relocation_at(segment.address)) ++sum;
    }
    for (const Symbol& symbol : file.symbols()) sum += symbol.name.size() + (symbol.size & 1);
    for (const char* name : {"exported_function", "hidden_function", "standard_entry", "absent"}) {
        if (file.find_symbol(name)) ++sum;
    }
    if (const auto link = file.debug_link()) sum += link->file.size();
    if (const auto mini = file.mini_debug_info()) sum += mini->symbols().size();
    sum += frame_descriptions(file).size();
    if (const auto tables = compile_unwind_tables(file)) {
        for (const UnwindTable& table : *tables) {
            const uint64_t begin = uint64_t{table.first_page} << UNWIND_PAGE_SHIFT;
            for (uint64_t pc = begin; pc < begin + std::min<size_t>(table.index.size(), 64) * 256;
                 pc += 13) {
                if (const auto rule = table.lookup({pc})) sum += rule->cfa_kind;
            }
        }
    }
    return sum;
}

size_t use_if_accepted(std::vector<uint8_t> bytes) {
    const auto file = ElfFile::from_bytes(std::move(bytes), "damaged");
    return file ? use_everything(**file) : 0;
}

const char* const kFiles[] = {"tiny.so", "tiny_sysv.so", "tiny_stripped.so", "frames.so",
                              "frames_debug_frame.so"};

// A range of a file that other parts are found through.
struct Target {
    uint64_t offset;
    uint64_t size;
};

// Headers and every section that is parsed.
std::vector<Target> targets_of(const ElfFile& file, uint64_t file_size) {
    Elf64_Ehdr header;
    std::memcpy(&header, file.bytes().data(), sizeof header);
    std::vector<Target> targets = {{0, sizeof header},
                                   {header.e_phoff, uint64_t{header.e_phnum} * sizeof(Elf64_Phdr)},
                                   {header.e_shoff, uint64_t{header.e_shnum} * sizeof(Elf64_Shdr)}};
    for (const char* name :
         {".eh_frame", ".debug_frame", ".eh_frame_hdr", ".dynamic", ".gnu.hash", ".hash", ".dynsym",
          ".dynstr", ".symtab", ".strtab", ".rela.dyn", ".note.gnu.build-id", ".gnu_debugdata",
          ".gnu_debuglink", ".shstrtab"}) {
        const Section* section = file.section(name);
        if (section != nullptr && section->size > 0)
            targets.push_back({section->offset.value, section->size});
    }
    std::erase_if(targets,
                  [&](const Target& target) { return target.offset + target.size > file_size; });
    return targets;
}

TEST(HostileElf, TheUndamagedFilesAreUseful) {
    for (const char* name : kFiles)
        EXPECT_GT(use_if_accepted(bytes_of(test_path(name))), 100U) << name;
}

TEST(HostileElf, TruncationAtEveryLengthIsSurvived) {
    for (const char* name : kFiles) {
        const std::vector<uint8_t> whole = bytes_of(test_path(name));
        // All lengths within the headers, then a prime step, so that all alignments occur.
        for (size_t length = 0; length < whole.size(); length += length < 1024 ? 1 : 17) {
            use_if_accepted({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length)});
        }
    }
}

TEST(HostileElf, DamagedBytesAreSurvived) {
    constexpr uint32_t kSeeds = 4000;
    // Values at which sizes and offsets overflow, besides random ones.
    constexpr uint64_t kNasty[] = {0,
                                   1,
                                   0x7f,
                                   0x80,
                                   0xff,
                                   0x7fffffff,
                                   0x80000000,
                                   0xffffffff,
                                   0x7fffffffffffffff,
                                   0x8000000000000000,
                                   UINT64_MAX,
                                   UINT64_MAX - 7};
    for (const char* name : kFiles) {
        const std::vector<uint8_t> whole = bytes_of(test_path(name));
        const std::vector<Target> targets = targets_of(*open_elf(test_path(name)), whole.size());
        ASSERT_GT(targets.size(), 5U);
        for (uint32_t seed = 0; seed < kSeeds; ++seed) {
            std::mt19937 random(seed);
            std::vector<uint8_t> bytes = whole;
            const Target& target = targets[seed % targets.size()];
            const uint32_t changes = 1 + random() % 4;
            for (uint32_t change = 0; change < changes; ++change) {
                const uint64_t at = target.offset + random() % target.size;
                if (random() % 2 == 0) {
                    bytes[at] = static_cast<uint8_t>(random());
                } else {
                    const uint64_t value = kNasty[random() % std::size(kNasty)];
                    const size_t room =
                        std::min<size_t>(bytes.size() - at, size_t{1} << random() % 4);
                    std::memcpy(bytes.data() + at, &value, room);
                }
            }
            use_if_accepted(std::move(bytes));
        }
    }
}

TEST(HostileElf, FramesOfPureNoiseAreSurvived) {
    const std::vector<uint8_t> whole = bytes_of(test_path("frames.so"));
    const Section frames = *open_elf(test_path("frames.so"))->section(".eh_frame");
    for (uint32_t seed = 0; seed < 4000; ++seed) {
        std::mt19937 random(seed);
        std::vector<uint8_t> bytes = whole;
        // Entry lengths stay, so that the noise is read as instructions and not thrown away at
        // once.
        for (uint64_t offset = 0; offset + 4 < frames.size;) {
            uint32_t length = 0;
            std::memcpy(&length, bytes.data() + frames.offset.value + offset, sizeof length);
            const uint64_t begin = offset + 4 + (offset == 0 ? 13 : 17);
            const uint64_t end = std::min<uint64_t>(offset + 4 + length, frames.size);
            for (uint64_t i = begin; i < end; ++i) {
                bytes[frames.offset.value + i] = static_cast<uint8_t>(random());
            }
            offset = end;
            if (length == 0) break;
        }
        use_if_accepted(std::move(bytes));
    }
}

}  // namespace
}  // namespace pyebpf::elf
