// SPDX-License-Identifier: Apache-2.0
#include "output/function_totals.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "output/ticks.h"

namespace pyebpf::output {

namespace {

using profile::Frame;
using profile::FrameId;
using profile::FrameKind;
using profile::Profile;
using profile::StackId;

// Frames that differ only by line are one function.
struct FunctionIndex {
    std::vector<uint32_t> of_frame;
    std::vector<FunctionTotal> functions;
    std::vector<bool> is_marker;
};

FunctionIndex index_functions(const Profile& profile) {
    FunctionIndex index;
    profile::FrameTable distinct;
    index.of_frame.reserve(profile.frames.size());
    for (uint32_t i = 0; i < profile.frames.size(); i++) {
        Frame function = profile.frame(FrameId{i});
        function.line = 0;
        function.inlined = false;
        const FrameId id = distinct.intern(function);
        if (id.value == index.functions.size()) {
            index.functions.push_back({function});
            index.is_marker.push_back(function.kind == FrameKind::kMarker);
        }
        index.of_frame.push_back(id.value);
    }
    return index;
}

// The stacks that samples use, as a tree that can be walked from the root. Parents are made before
// their children (StackTable::push), so ascending ids are a topological order.
struct StackTree {
    std::vector<uint32_t> first_child;
    std::vector<uint32_t> next_sibling;
    std::vector<uint32_t> roots;
};

constexpr uint32_t kNone = StackId::kNone;

StackTree link_children(const Profile& profile) {
    const auto size = static_cast<uint32_t>(profile.stacks.size());
    StackTree tree{std::vector<uint32_t>(size, kNone), std::vector<uint32_t>(size, kNone), {}};
    for (uint32_t id = 0; id < size; id++) {
        const StackId parent = profile.stacks[StackId{id}].parent;
        if (!parent.valid()) {
            tree.roots.push_back(id);
        } else {
            tree.next_sibling[id] = tree.first_child[parent.value];
            tree.first_child[parent.value] = id;
        }
    }
    return tree;
}

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
    FunctionIndex index = index_functions(profile);
    const auto function_of = [&](uint32_t stack) {
        return index.of_frame[profile.stacks[StackId{stack}].frame.value];
    };

    FunctionTotals result;
    std::vector<double> subtree(profile.stacks.size());
    for (const profile::Sample& sample : profile.samples) {
        const double amount = ticks(profile, sample);
        result.ticks += amount;
        if (!sample.stack.valid()) continue;
        subtree[sample.stack.value] += amount;
        index.functions[function_of(sample.stack.value)].self += amount;
    }
    for (uint32_t id = static_cast<uint32_t>(subtree.size()); id-- > 0;) {
        const StackId parent = profile.stacks[StackId{id}].parent;
        if (parent.valid()) subtree[parent.value] += subtree[id];
    }

    // A subtree counts for a function unless the function is already on the path to it.
    const StackTree tree = link_children(profile);
    std::vector<uint32_t> on_path(index.functions.size());
    const auto enter = [&](uint32_t id) {
        const uint32_t function = function_of(id);
        if (on_path[function]++ == 0) index.functions[function].total += subtree[id];
    };
    std::vector<uint32_t> path;
    for (const uint32_t root : tree.roots) {
        enter(root);
        path.push_back(root);
        uint32_t next = tree.first_child[root];
        while (!path.empty()) {
            if (next != kNone) {
                enter(next);
                path.push_back(next);
                next = tree.first_child[next];
            } else {
                const uint32_t done = path.back();
                path.pop_back();
                on_path[function_of(done)]--;
                next = path.empty() ? kNone : tree.next_sibling[done];
            }
        }
    }

    for (size_t i = 0; i < index.functions.size(); i++) {
        if (!index.is_marker[i]) result.functions.push_back(index.functions[i]);
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
