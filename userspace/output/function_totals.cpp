// SPDX-License-Identifier: Apache-2.0
#include "output/function_totals.h"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "output/function_index.h"
#include "output/stack_walk.h"
#include "output/ticks.h"

namespace pyebpf::output {

namespace {

using profile::Frame;
using profile::FrameKind;
using profile::Profile;
using profile::StackId;

template <double FunctionTotal::* kMember>
std::vector<FunctionTotal> top(const std::vector<FunctionTotal>& functions, const Profile& profile,
                               size_t count) {
    std::vector<FunctionTotal> result;
    std::ranges::copy_if(functions, std::back_inserter(result),
                         [](const auto& f) { return f.*kMember > 0; });
    const auto is_before = [&](const FunctionTotal& a, const FunctionTotal& b) {
        if (a.*kMember != b.*kMember) return a.*kMember > b.*kMember;
        const auto key = [&](const Frame& f) {
            return std::tuple(profile.text(f.function), profile.text(f.file), f.first_line,
                              profile.text(f.module));
        };
        return key(a.function) < key(b.function);
    };
    const size_t kept = std::min(count, result.size());
    std::ranges::partial_sort(result, result.begin() + static_cast<ptrdiff_t>(kept), is_before);
    result.resize(kept);
    return result;
}

}  // namespace

FunctionTotals function_totals(const Profile& profile) {
    const FunctionIndex index = index_functions(profile);
    const auto function_of = [&](StackId stack) {
        return index.of_frame[profile.stacks[stack].frame.value];
    };
    std::vector<FunctionTotal> totals(index.functions.size());
    for (size_t i = 0; i < totals.size(); i++) totals[i].function = index.functions[i];

    FunctionTotals result;
    std::vector<double> subtree(profile.stacks.size());
    for (const profile::Sample& sample : profile.samples) {
        const double amount = ticks(profile, sample);
        result.ticks += amount;
        if (!sample.stack.valid()) continue;
        subtree[sample.stack.value] += amount;
        totals[function_of(sample.stack)].self += amount;
    }
    // Parents are made before their children (StackTable::push).
    const auto parent_of = [&](StackId id) { return profile.stacks[id].parent; };
    for (uint32_t id = static_cast<uint32_t>(subtree.size()); id-- > 0;) {
        const StackId parent = parent_of(StackId{id});
        if (parent.valid()) subtree[parent.value] += subtree[id];
    }

    // A subtree counts for a function unless the function is already on the path to it.
    std::vector<uint32_t> on_path(totals.size());
    walk_stacks(
        profile.stacks.size(), parent_of,
        [&](StackId id) {
            const uint32_t function = function_of(id);
            if (on_path[function]++ == 0) totals[function].total += subtree[id.value];
        },
        [&](StackId id) { on_path[function_of(id)]--; });

    for (const FunctionTotal& total : totals) {
        if (total.function.kind != FrameKind::kMarker) result.functions.push_back(total);
    }
    return result;
}

std::vector<FunctionTotal> FunctionTotals::top_by_self(const Profile& profile, size_t count) const {
    return top<&FunctionTotal::self>(functions, profile, count);
}

std::vector<FunctionTotal> FunctionTotals::top_by_total(const Profile& profile,
                                                        size_t count) const {
    return top<&FunctionTotal::total>(functions, profile, count);
}

}  // namespace pyebpf::output
