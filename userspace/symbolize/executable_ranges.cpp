// SPDX-License-Identifier: Apache-2.0
#include "symbolize/executable_ranges.h"

#include <elf.h>

#include <algorithm>
#include <iterator>

namespace pyebpf::symbolize {

ExecutableRanges::ExecutableRanges(const elf::ElfFile& file) {
    for (const elf::Section& section : file.sections()) {
        if ((section.flags & SHF_EXECINSTR) == 0 || section.size == 0) continue;
        const uint64_t begin = section.address.value;
        ranges_.push_back({begin, saturating_end(begin, section.size)});
    }
    if (ranges_.empty()) {
        for (const elf::Segment& segment : file.segments()) {
            if (segment.type != PT_LOAD || (segment.flags & PF_X) == 0) continue;
            const uint64_t begin = segment.address.value;
            ranges_.push_back({begin, saturating_end(begin, segment.memory_size)});
        }
    }
    std::sort(ranges_.begin(), ranges_.end(),
              [](const Range& a, const Range& b) { return a.begin < b.begin; });
}

uint64_t ExecutableRanges::end_of(uint64_t address) const {
    const auto after =
        std::upper_bound(ranges_.begin(), ranges_.end(), address,
                         [](uint64_t value, const Range& range) { return value < range.begin; });
    if (after == ranges_.begin()) return 0;
    const Range& range = *std::prev(after);
    return address < range.end ? range.end : 0;
}

}  // namespace pyebpf::symbolize
