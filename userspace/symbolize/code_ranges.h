// SPDX-License-Identifier: Apache-2.0
// CodeRanges: named ranges of memory that a JIT compiler reported one after the other. It reuses
// memory, so ranges overlap, and what was reported later is what is there now.
//
//   reported      1  |-------- f --------|
//                 2        |-- g --|
//   looked up        |- f -|-- g --|- f -|
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/addresses.h"
#include "symbolize/flat_ranges.h"

namespace pyebpf::symbolize {

struct JitSymbol {
    std::string_view name;  // valid as long as the table it comes from
    MappedAddress start;
    uint64_t size = 0;
};

class CodeRanges {
  public:
    // False, and nothing is added, if the range is empty, wraps, or the table is full.
    bool add(MappedAddress start, uint64_t size, std::string_view name);
    // After the last add() and before the first lookup().
    void finish();

    [[nodiscard]] std::optional<JitSymbol> lookup(MappedAddress address) const;
    [[nodiscard]] size_t size() const { return ranges_.size(); }

  private:
    struct Range {
        uint64_t start = 0;
        uint64_t size = 0;
        uint32_t name = 0;  // offset in names_
        uint32_t name_size = 0;
    };

    std::vector<Range> ranges_;  // as reported
    FlatRanges pieces_;          // values are indices of ranges_
    std::string names_;
};

}  // namespace pyebpf::symbolize
