// SPDX-License-Identifier: Apache-2.0
#include "output/thread_states.h"

#include <algorithm>
#include <array>
#include <map>

#include "output/ticks.h"

namespace pyebpf::output {

namespace {

using profile::Profile;
using profile::Sample;
using profile::StackId;
using profile::StringId;
using profile::ThreadState;

StringId innermost_python(const Profile& profile, StackId stack) {
    for (; stack.valid(); stack = profile.stacks[stack].parent) {
        const profile::Frame& frame = profile.frame(profile.stacks[stack].frame);
        if (frame.kind == profile::FrameKind::kPython) return frame.function;
    }
    return StringId{0};
}

FunctionShare largest(const Profile& profile, const std::map<uint32_t, double>& ticks) {
    FunctionShare best;
    for (const auto& [function, value] : ticks) {
        const bool wins =
            value > best.ticks ||
            (value == best.ticks && profile.text(StringId{function}) < profile.text(best.function));
        if (wins) best = {StringId{function}, value};
    }
    return best;
}

}  // namespace

std::vector<StateTotal> state_totals(const Profile& profile) {
    std::array<double, static_cast<size_t>(ThreadState::kOther) + 1> sums{};
    for (const Sample& sample : profile.samples)
        sums[std::min(static_cast<size_t>(sample.state), sums.size() - 1)] +=
            ticks(profile, sample);
    std::vector<StateTotal> totals;
    for (size_t i = 0; i < sums.size(); ++i)
        if (sums[i] > 0) totals.push_back({static_cast<ThreadState>(i), sums[i]});
    std::ranges::stable_sort(totals, std::greater(), &StateTotal::ticks);
    return totals;
}

GilTotals gil_totals(const Profile& profile) {
    GilTotals totals;
    std::map<uint32_t, double> holders;
    std::map<uint32_t, double> waiters;
    for (const Sample& sample : profile.samples) {
        const bool waits = sample.state == ThreadState::kGil;
        if (!waits && (sample.flags & profile::kHoldsGil) == 0) continue;
        const double weight = ticks(profile, sample);
        (waits ? totals.waited : totals.held) += weight;
        const StringId function = innermost_python(profile, sample.stack);
        if (function.value != 0) (waits ? waiters : holders)[function.value] += weight;
    }
    totals.holder = largest(profile, holders);
    totals.waiter = largest(profile, waiters);
    return totals;
}

}  // namespace pyebpf::output
