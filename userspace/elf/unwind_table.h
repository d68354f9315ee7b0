// SPDX-License-Identifier: Apache-2.0
// Compiles .eh_frame (and .debug_frame) into the page-indexed rows of bpf/abi/unwind.h. Functions
// that neither describes have rows from what their instructions do (frame_analysis.h).
//
// The encoding is lossless for what the walker uses: CFA, saved rbp and return address at every pc.
// Input is hostile: parsing is bounded in time and memory by the file's size, entries that
// contradict themselves are counted and skipped.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/addresses.h"
#include "base/result.h"
#include "bpf/abi/unwind.h"
#include "elf/elf_file.h"

namespace pyebpf::elf {

// One frame description entry: the code range of one function (or of its .cold part).
struct FrameDescription {
    StatedAddress begin;
    StatedAddress end;
    bool signal_frame = false;
};

// All FDEs of .eh_frame, and of .debug_frame where .eh_frame has none, sorted by begin; overlapping
// or empty ones are dropped.
[[nodiscard]] std::vector<FrameDescription> frame_descriptions(const ElfFile& file);

struct UnwindTableStatistics {
    uint64_t descriptions = 0;      // FDEs used
    uint64_t bad_descriptions = 0;  // FDEs that could not be parsed: their code has rule 0
    uint64_t rows = 0;              // after merging equal neighbours
    uint64_t unsupported_rows = 0;  // rows with an expression outside the known kinds
    uint64_t analyzed_bytes = 0;    // of code without description, known by its instructions
    uint64_t executable_bytes = 0;  // of the PT_LOAD segments with PF_X
};

struct CodeSpan {
    StatedAddress begin;
    StatedAddress end;
    bool operator==(const CodeSpan&) const = default;
};

// A table as it is stored in a slab, for consecutive 256-byte pages from first_page on.
struct UnwindTable {
    uint32_t first_page = 0;         // stated address >> UNWIND_PAGE_SHIFT
    std::vector<uint32_t> index;     // one word per page
    std::vector<uint16_t> rows;      // 16-bit units
    std::vector<unwind_rule> rules;  // rules[0] is CFA_NONE
    UnwindTableStatistics statistics;
    // Functions whose rules depend on their code and their symbols, because nothing describes them.
    std::vector<CodeSpan> analyzed;

    [[nodiscard]] size_t size_words() const {
        return index.size() + (rows.size() + 1) / 2 + rules.size() * 2;
    }
    // The same lookup as the kernel's. nullopt outside the table.
    [[nodiscard]] std::optional<unwind_rule> lookup(StatedAddress pc) const;
};

// Tables for one file, sorted: one per run of executable segments (normally one), more if it would
// not fit max_words (a slab), none if the file has no call frame information. The first one carries
// the statistics and the analyzed code of all. Holes of less than 16 bytes between descriptions
// keep the rule before them. Fails for files that are not for x86-64 or have more than 1 GiB of
// code.
[[nodiscard]] Result<std::vector<UnwindTable>> compile_unwind_tables(
    const ElfFile& file, size_t max_words = UNWIND_SLAB_WORDS);

}  // namespace pyebpf::elf
