// SPDX-License-Identifier: Apache-2.0
#include "report/amounts.h"

#include <fmt/format.h>

#include "output/function_text.h"
#include "output/stack_walk.h"

namespace pyebpf::report {

using profile::StackId;

StackAmounts::StackAmounts(const profile::Profile& profile, const output::FormatOptions& roots)
    : profile_(profile), units_(profile), stacks_(profile, roots, units_) {
    for (const profile::Sample& sample : profile.samples) {
        if (!counts(sample)) continue;
        const StackId stack = stacks_.of(sample);
        if (stack.value >= self_.size()) self_.resize(stacks_.size());
        self_[stack.value] += sample.weight;
        sum_ += sample.weight;
        ++samples_;
    }
    self_.resize(stacks_.size());
    total_ = self_;
    for (auto id = static_cast<uint32_t>(total_.size()); id-- > 0;) {
        const StackId parent = stacks_[StackId{id}].parent;
        if (parent.valid()) total_[parent.value] += total_[id];
    }
}

std::vector<Amount> StackAmounts::by_group(std::span<const uint32_t> group_of_frame,
                                           size_t count) const {
    std::vector<Amount> amounts(count);
    std::vector<uint32_t> on_path(count);
    const auto group_of = [&](StackId stack) {
        const uint32_t frame = stacks_[stack].frame.value;
        return frame < group_of_frame.size() ? group_of_frame[frame] : kNoGroup;
    };
    output::walk_stacks(
        stacks_.size(), [&](StackId id) { return stacks_[id].parent; },
        [&](StackId id) {
            const uint32_t group = group_of(id);
            if (group == kNoGroup) return;
            amounts[group].self += self_[id.value];
            if (on_path[group]++ == 0) amounts[group].total += total_[id.value];
        },
        [&](StackId id) {
            if (const uint32_t group = group_of(id); group != kNoGroup) --on_path[group];
        });
    return amounts;
}

AmountText::AmountText(const output::Unit& unit, uint64_t largest) {
    constexpr uint64_t kSecondNs = 1'000'000'000;
    constexpr uint64_t kMebibyte = 1 << 20;
    if (unit.is_time) {
        const bool is_long = largest >= kSecondNs;
        divisor_ = is_long ? 1e9 : 1e6;
        decimals_ = is_long ? 2 : 1;
        suffix_ = is_long ? " s" : " ms";
    } else if (unit.name == "bytes") {
        const bool is_large = largest >= kMebibyte;
        divisor_ = is_large ? kMebibyte : 1024.0;
        decimals_ = 1;
        suffix_ = is_large ? " MiB" : " KiB";
    }
}

std::string AmountText::operator()(uint64_t amount) const {
    if (suffix_.empty()) return output::grouped(amount);
    return fmt::format("{:.{}f}{}", static_cast<double>(amount) / divisor_, decimals_, suffix_);
}

std::string AmountText::aligned(uint64_t amount) const {
    return fmt::format("{:>{}}", (*this)(amount), kColumns);
}

std::string share_text(uint64_t part, uint64_t whole) {
    const double share =
        whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
    return fmt::format("{:5.1f} %", share);
}

}  // namespace pyebpf::report
