// SPDX-License-Identifier: Apache-2.0
#include "report/amounts.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "output/function_text.h"
#include "output/stack_walk.h"

namespace pyebpf::report {

using profile::FrameId;
using profile::Sample;
using profile::StackId;
using profile::ThreadState;

namespace {

using Weights = std::vector<StackAmounts::Weight>;

// Each stack once. sums: by stack, all zero before and after.
void add_up(Weights& weights, std::vector<uint64_t>& sums) {
    size_t kept = 0;
    for (const auto [stack, weight] : weights) {
        uint64_t& sum = sums[stack.value];
        if (sum == 0) weights[kept++].stack = stack;
        sum += weight;
    }
    weights.resize(kept);
    for (auto& [stack, weight] : weights) weight = std::exchange(sums[stack.value], 0);
}

// A full list is added up before it grows, so that its length follows the stacks, not the samples.
void add(Weights& weights, const StackAmounts::Weight& weight, std::vector<uint64_t>& sums) {
    if (weights.size() == weights.capacity()) {
        constexpr size_t kFirstWeights = 16;
        add_up(weights, sums);
        if (2 * weights.size() >= weights.capacity())
            weights.reserve(std::max(kFirstWeights, 2 * weights.capacity()));
    }
    weights.push_back(weight);
}

}  // namespace

StackAmounts::StackAmounts(const profile::Profile& profile, const output::FormatOptions& roots)
    : profile_(profile),
      units_(profile),
      roots_(profile, roots, units_),
      self_(profile.stacks.size()) {
    std::vector<uint64_t> sums;
    for (const Sample& sample : profile.samples) {
        if (!counts(sample)) continue;
        const StackId stack = stack_of(sample);
        self_[stack.value] += sample.weight;
        sum_ += sample.weight;
        ++samples_;
        if (!roots_.has_roots() || sample.weight == 0) continue;
        const StackId root = roots_.root_of(sample);
        if (root.value >= weights_of_root_.size()) weights_of_root_.resize(roots_.size());
        sums.resize(self_.size());
        add(weights_of_root_[root.value], {stack, sample.weight}, sums);
    }
    for (auto& weights : weights_of_root_) add_up(weights, sums);
    total_ = self_;
    for (auto id = static_cast<uint32_t>(total_.size()); id-- > 0;) {
        const StackId parent = (*this)[StackId{id}].parent;
        if (parent.valid()) total_[parent.value] += total_[id];
    }
}

StackId StackAmounts::stack_of(const Sample& sample) {
    StackId stack = sample.stack;
    if (!stack.valid()) stack = labeled({}, roots_.no_stack_label());
    if (sample.state == ThreadState::kRunning) return stack;
    return labeled(stack, roots_.wait_label(sample.state));
}

StackId StackAmounts::labeled(StackId parent, FrameId label) {
    const StackId next{static_cast<uint32_t>(self_.size())};
    const auto [entry, is_new] =
        known_labeled_.try_emplace(uint64_t{parent.value} << 32 | label.value, next);
    if (!is_new) return entry->second;
    labeled_.push_back({parent, label});
    self_.push_back(0);
    return next;
}

void StackAmounts::each_root(const TakeRoot& take) const {
    for (uint32_t root = 0; root < weights_of_root_.size(); ++root)
        if (!weights_of_root_[root].empty()) take(StackId{root}, weights_of_root_[root]);
    if (roots_.has_roots()) return;
    std::vector<Weight> weights;
    for (uint32_t i = 0; i < self_.size(); ++i)
        if (self_[i] > 0) weights.push_back({StackId{i}, self_[i]});
    take({}, weights);
}

std::vector<Amount> StackAmounts::by_group(std::span<const uint32_t> group_of_frame,
                                           size_t count) const {
    std::vector<Amount> amounts(count);
    std::vector<uint32_t> on_path(count);
    const auto group_of = [&](StackId stack) {
        const uint32_t frame = (*this)[stack].frame.value;
        return frame < group_of_frame.size() ? group_of_frame[frame] : kNoGroup;
    };
    output::walk_stacks(
        size(), [&](StackId id) { return (*this)[id].parent; },
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
