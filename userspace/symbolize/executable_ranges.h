// SPDX-License-Identifier: Apache-2.0
// ExecutableRanges: where an ELF file has code. Symbols and debug information that point elsewhere
// (data, or functions that the linker threw away, which look as if they were at 0) are not
// believed.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "elf/elf_file.h"

namespace pyebpf::symbolize {

[[nodiscard]] constexpr uint64_t saturating_end(uint64_t start, uint64_t size) {
    constexpr uint64_t kLast = std::numeric_limits<uint64_t>::max();
    return size > kLast - start ? kLast : start + size;
}

class ExecutableRanges {
  public:
    // From the executable sections, or the executable segments of a file without section headers.
    explicit ExecutableRanges(const elf::ElfFile& file);

    // The end of the section or segment that contains address; 0 if none does.
    [[nodiscard]] uint64_t end_of(uint64_t address) const;
    [[nodiscard]] bool contains(uint64_t address) const { return end_of(address) != 0; }

  private:
    struct Range {
        uint64_t begin = 0;
        uint64_t end = 0;
    };
    std::vector<Range> ranges_;  // sorted by begin
};

}  // namespace pyebpf::symbolize
