// SPDX-License-Identifier: Apache-2.0
#include "symbolize/flat_ranges.h"

#include <algorithm>
#include <queue>
#include <utility>

namespace pyebpf::symbolize {

FlatRanges::FlatRanges(std::span<const RankedRange> ranges) {
    std::vector<uint32_t> by_start;
    for (uint32_t i = 0; i < ranges.size(); ++i) {
        if (ranges[i].start < ranges[i].end) by_start.push_back(i);
    }
    std::sort(by_start.begin(), by_start.end(),
              [&](uint32_t a, uint32_t b) { return ranges[a].start < ranges[b].start; });

    // A sweep over starts and ends. Of the ranges at the current address the winner is on top;
    // those that ended are only removed when they come to the top.
    const auto is_weaker = [&](uint32_t a, uint32_t b) {
        return std::pair(ranges[a].rank, a) < std::pair(ranges[b].rank, b);
    };
    std::priority_queue<uint32_t, std::vector<uint32_t>, decltype(is_weaker)> open(is_weaker);
    size_t next = 0;
    while (next < by_start.size() || !open.empty()) {
        if (open.empty() ||
            (next < by_start.size() && ranges[by_start[next]].start < ranges[open.top()].end)) {
            open.push(by_start[next]);
            put(ranges[by_start[next++]].start, ranges[open.top()].value);
            continue;
        }
        const uint64_t end = ranges[open.top()].end;
        while (!open.empty() && ranges[open.top()].end <= end) open.pop();
        put(end, open.empty() ? kNone : ranges[open.top()].value);
    }
    starts_.shrink_to_fit();
    values_.shrink_to_fit();
}

void FlatRanges::put(uint64_t start, uint32_t value) {
    if (!starts_.empty() && starts_.back() == start) {
        starts_.pop_back();
        values_.pop_back();
    }
    if (!values_.empty() && values_.back() == value) return;
    starts_.push_back(start);
    values_.push_back(value);
}

uint32_t FlatRanges::at(uint64_t address) const {
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), address);
    return after == starts_.begin() ? kNone
                                    : values_[static_cast<size_t>(after - starts_.begin() - 1)];
}

}  // namespace pyebpf::symbolize
