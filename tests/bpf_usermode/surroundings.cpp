// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf_usermode/surroundings.h"

#include <algorithm>
#include <cerrno>

#include "base/result.h"
#include "tests/bpf_usermode/platform.h"

namespace pyebpf::test {

namespace {

Surroundings* installed = nullptr;

}  // namespace

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

Surroundings::Surroundings(Memory& memory) : memory_(memory) {
    PYEBPF_CHECK(installed == nullptr);
    installed = this;
}

Surroundings::~Surroundings() {
    installed = nullptr;
}

Surroundings& Surroundings::current() {
    PYEBPF_CHECK(installed != nullptr);
    return *installed;
}

void Surroundings::set_code(std::span<const code_range> ranges, std::span<const uint32_t> slab) {
    ranges_ = ranges;
    slab_.assign(UNWIND_SLAB_WORDS, 0);
    PYEBPF_CHECK(slab.size() <= slab_.size());
    std::ranges::copy(slab, slab_.begin());
}

long Surroundings::probe_read_user(void* to, uint32_t bytes, uint64_t from) {
    const bool is_to_fail = reads_ - failing_first_ < failing_count_;
    ++reads_;
    if (!is_to_fail && memory_.read(from, {static_cast<uint8_t*>(to), bytes})) return 0;
    std::memset(to, 0, bytes);
    return -EFAULT;
}

const code_range* Surroundings::range(uint32_t index) const {
    return index < ranges_.size() ? &ranges_[index] : nullptr;
}

const uint32_t* Surroundings::slab_words(uint32_t slab) const {
    return slab == 0 && !slab_.empty() ? slab_.data() : nullptr;
}

}  // namespace pyebpf::test

using pyebpf::test::Surroundings;

extern "C" long bpf_probe_read_user(void* to, __u32 bytes, const void* from) {
    return Surroundings::current().probe_read_user(to, bytes, reinterpret_cast<uint64_t>(from));
}
extern "C" void count(enum kernel_counter which) {
    Surroundings::current().count(which);
}
extern "C" const struct code_range* code_range_at(__u32 index) {
    return Surroundings::current().range(index);
}
extern "C" const __u32* unwind_slab_words(__u32 slab) {
    return Surroundings::current().slab_words(slab);
}
