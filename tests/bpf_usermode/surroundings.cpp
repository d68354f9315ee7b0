// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf_usermode/surroundings.h"

#include <algorithm>

#include "base/result.h"

namespace pyebpf::test {

void ImageMemory::add(uint64_t address, std::span<const uint8_t> bytes) {
    uint64_t start = address;
    uint64_t end = address + bytes.size();
    PYEBPF_CHECK(start <= end);
    // The pieces that the new one overlaps or touches.
    auto first = regions_.upper_bound(start);
    if (first != regions_.begin()) {
        const auto before = std::prev(first);
        if (before->first + before->second.size() >= start) first = before;
    }
    auto last = first;
    while (last != regions_.end() && last->first <= end) {
        start = std::min(start, last->first);
        end = std::max(end, last->first + last->second.size());
        ++last;
    }
    std::vector<uint8_t> merged(end - start);
    for (auto piece = first; piece != last; ++piece) {
        std::ranges::copy(piece->second,
                          merged.begin() + static_cast<ptrdiff_t>(piece->first - start));
    }
    std::ranges::copy(bytes, merged.begin() + static_cast<ptrdiff_t>(address - start));
    regions_.erase(first, last);
    regions_.emplace(start, std::move(merged));
}

bool ImageMemory::read(uint64_t address, std::span<uint8_t> to) {
    auto region = regions_.upper_bound(address);
    if (region == regions_.begin()) return false;
    --region;
    const uint64_t offset = address - region->first;
    if (offset > region->second.size() || to.size() > region->second.size() - offset) return false;
    if (!to.empty()) std::memcpy(to.data(), region->second.data() + offset, to.size());
    return true;
}

void Surroundings::set_code(std::span<const code_range> ranges, std::span<const uint32_t> slab) {
    ranges_ = ranges;
    slab_.assign(UNWIND_SLAB_WORDS, 0);
    PYEBPF_CHECK(slab.size() <= slab_.size());
    std::ranges::copy(slab, slab_.begin());
}

bool Surroundings::read(uint64_t address, void* to, uint32_t bytes) {
    const bool is_to_fail = reads_ - failing_first_ < failing_count_;
    ++reads_;
    return !is_to_fail && memory_.read(address, {static_cast<uint8_t*>(to), bytes});
}

const code_range* Surroundings::range(uint32_t index) const {
    return index < ranges_.size() ? &ranges_[index] : nullptr;
}

const uint32_t* Surroundings::slab_words(uint32_t slab) const {
    return slab == 0 && !slab_.empty() ? slab_.data() : nullptr;
}

}  // namespace pyebpf::test
