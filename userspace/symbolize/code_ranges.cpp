// SPDX-License-Identifier: Apache-2.0
#include "symbolize/code_ranges.h"

namespace pyebpf::symbolize {
namespace {

// A long-running node or Java process reports some 100,000 functions.
constexpr size_t kMaxRanges = 2'000'000;
constexpr size_t kMaxNamesBytes = size_t{128} << 20;

}  // namespace

bool CodeRanges::add(MappedAddress start, uint64_t size, std::string_view name) {
    if (size == 0 || start.value + size < start.value) return false;
    if (ranges_.size() >= kMaxRanges || name.size() > kMaxNamesBytes - names_.size()) return false;
    ranges_.push_back({.start = start.value,
                       .size = size,
                       .name = static_cast<uint32_t>(names_.size()),
                       .name_size = static_cast<uint32_t>(name.size())});
    names_ += name;
    return true;
}

void CodeRanges::finish() {
    std::vector<RankedRange> ranked;
    ranked.reserve(ranges_.size());
    for (uint32_t i = 0; i < ranges_.size(); ++i) {
        ranked.push_back({.start = ranges_[i].start,
                          .end = ranges_[i].start + ranges_[i].size,
                          .rank = 0,
                          .value = i});
    }
    pieces_ = FlatRanges(ranked);
}

std::optional<JitSymbol> CodeRanges::lookup(MappedAddress address) const {
    const uint32_t index = pieces_.at(address.value);
    if (index == FlatRanges::kNone) return std::nullopt;
    const Range& range = ranges_[index];
    return JitSymbol{
        std::string_view(names_).substr(range.name, range.name_size), {range.start}, range.size};
}

}  // namespace pyebpf::symbolize
