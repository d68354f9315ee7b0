// SPDX-License-Identifier: Apache-2.0
// The numbers that the views of a report show: the weight of each stack, in one unit.
//
// A view adds up weights of one unit only. Of a profile with several it takes the first one that is
// not empty; `report --event` picks another.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tsl/robin_map.h>

#include "output/format.h"
#include "output/rooted_stacks.h"
#include "output/units.h"
#include "profile/profile.h"

namespace pyebpf::report {

struct Amount {
    uint64_t self = 0;
    uint64_t total = 0;
};

// Stacks with their weights: those of the profile, then "[no stack]" and those that end in a label
// such as "[waits: disk]" (output/rooted_stacks.h). Parents have smaller ids than their children.
// What the user asked for as roots is not in them, as each stack may occur below each root.
class StackAmounts {
  public:
    struct Weight {
        profile::StackId stack;
        uint64_t weight = 0;
    };

    StackAmounts(const profile::Profile& profile, const output::FormatOptions& roots);

    [[nodiscard]] const profile::Profile& profile() const { return profile_; }
    [[nodiscard]] size_t size() const { return self_.size(); }
    [[nodiscard]] profile::StackTable::Node operator[](profile::StackId id) const {
        const size_t in_profile = profile_.stacks.size();
        return id.value < in_profile ? profile_.stacks[id] : labeled_[id.value - in_profile];
    }
    // The labels, and the roots as stacks of labels.
    [[nodiscard]] const output::RootedStacks& roots() const { return roots_; }
    // For each root the stacks below it that have a weight, each once. Without roots it is one call
    // with an invalid id.
    using TakeRoot = std::function<void(profile::StackId root, std::span<const Weight>)>;
    void each_root(const TakeRoot& take) const;
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
    [[nodiscard]] profile::StackId stack_of(const profile::Sample& sample);
    [[nodiscard]] profile::StackId labeled(profile::StackId parent, profile::FrameId label);

    const profile::Profile& profile_;
    output::Units units_;
    output::RootedStacks roots_;
    std::vector<profile::StackTable::Node> labeled_;  // the stacks after those of the profile
    tsl::robin_map<uint64_t, profile::StackId> known_labeled_;  // by parent and label
    std::vector<std::vector<Weight>> weights_of_root_;          // by id of the root
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
