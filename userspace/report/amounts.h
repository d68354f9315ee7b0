// SPDX-License-Identifier: Apache-2.0
// The numbers that the views of a report show: the weight of each stack, in one unit.
//
// A view adds up weights of one unit only. Of a profile with several it takes the first one that is
// not empty; `report --event` picks another.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "output/format.h"
#include "output/rooted_stacks.h"
#include "output/units.h"
#include "profile/profile.h"

namespace pyebpf::report {

struct Amount {
    uint64_t self = 0;
    uint64_t total = 0;
};

// Stacks with their weights. Parents have smaller ids than their children.
class StackAmounts {
  public:
    StackAmounts(const profile::Profile& profile, const output::FormatOptions& roots);

    [[nodiscard]] const profile::Profile& profile() const { return profile_; }
    [[nodiscard]] const output::RootedStacks& stacks() const { return stacks_; }
    // By stack id: of the samples whose stack it is, and of all that have it at their root side.
    [[nodiscard]] std::span<const uint64_t> self() const { return self_; }
    [[nodiscard]] std::span<const uint64_t> total() const { return total_; }
    [[nodiscard]] uint64_t sum() const { return sum_; }
    [[nodiscard]] uint64_t samples() const { return samples_; }
    [[nodiscard]] const output::Unit& unit() const { return units_.list().front(); }
    // The other units of the profile, whose samples are not in these numbers.
    [[nodiscard]] std::vector<output::Unit> left_out() const {
        return {units_.list().begin() + 1, units_.list().end()};
    }
    [[nodiscard]] bool counts(const profile::Sample& sample) const {
        return units_.of(sample) == 0;
    }

    // Self and total by group, of the groups 0 … count - 1; a group counts once per sample,
    // however often it is in its stack. group_of_frame: by frame id; kNoGroup: in none.
    static constexpr uint32_t kNoGroup = UINT32_MAX;
    [[nodiscard]] std::vector<Amount> by_group(std::span<const uint32_t> group_of_frame,
                                               size_t count) const;

  private:
    const profile::Profile& profile_;
    output::Units units_;
    output::RootedStacks stacks_;
    std::vector<uint64_t> self_;
    std::vector<uint64_t> total_;
    uint64_t sum_ = 0;
    uint64_t samples_ = 0;
};

// Amounts as text, all in the same power of their unit so that they compare at a glance: "2.91 s",
// "12.0 ms", "1.5 MiB", "1,234".
class AmountText {
  public:
    // largest: decides the power.
    AmountText(const output::Unit& unit, uint64_t largest);

    [[nodiscard]] std::string operator()(uint64_t amount) const;
    // Right-aligned, always kColumns wide.
    static constexpr size_t kColumns = 10;
    [[nodiscard]] std::string aligned(uint64_t amount) const;

  private:
    double divisor_ = 1;
    int decimals_ = 0;
    std::string_view suffix_;
};

// " 12.3 %" of `whole`; 7 columns.
[[nodiscard]] std::string share_text(uint64_t part, uint64_t whole);

}  // namespace pyebpf::report
