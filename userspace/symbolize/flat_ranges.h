// SPDX-License-Identifier: Apache-2.0
// Turns ranges that nest or overlap into consecutive pieces, so that a lookup is one binary search.
//
//   rank 1   |-------- a --------|
//   rank 2          |-- b --|
//   pieces   |- a --|-- b --|- a |
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pyebpf::symbolize {

// Where ranges overlap, the highest rank wins; of equal ranks the later in the list.
struct RankedRange {
    uint64_t start = 0;
    uint64_t end = 0;  // not included
    uint32_t rank = 0;
    uint32_t value = 0;  // what the caller knows it by
};

class FlatRanges {
  public:
    static constexpr uint32_t kNone = UINT32_MAX;

    FlatRanges() = default;
    // Empty ranges (end <= start) are left out.
    explicit FlatRanges(std::span<const RankedRange> ranges);

    // The value of the winning range at address, or kNone.
    [[nodiscard]] uint32_t at(uint64_t address) const;
    [[nodiscard]] size_t size() const { return starts_.size(); }

  private:
    void put(uint64_t start, uint32_t value);

    std::vector<uint64_t> starts_;
    std::vector<uint32_t> values_;  // what is there from starts_[i] to starts_[i + 1]
};

}  // namespace pyebpf::symbolize
