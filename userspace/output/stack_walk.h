// SPDX-License-Identifier: Apache-2.0
// Walks a table of stacks from the roots to the leaves, each stack once.
#pragma once

#include <cstdint>
#include <vector>

#include "profile/profile.h"

namespace pyebpf::output {

// parent_of(stack) gives the stack of the caller, invalid at a root. enter(stack) is called on the
// way down, leave(stack) when everything below it has been left.
template <class ParentOf, class Enter, class Leave>
void walk_stacks(size_t count, ParentOf parent_of, Enter enter, Leave leave) {
    using profile::StackId;
    std::vector<StackId> first_child(count);
    std::vector<StackId> next_sibling(count);
    StackId first_root;
    for (auto i = static_cast<uint32_t>(count); i-- > 0;) {
        const StackId parent = parent_of(StackId{i});
        StackId& first = parent.valid() ? first_child[parent.value] : first_root;
        next_sibling[i] = first;
        first = StackId{i};
    }
    std::vector<StackId> path;
    StackId next = first_root;
    while (next.valid() || !path.empty()) {
        if (next.valid()) {
            enter(next);
            path.push_back(next);
            next = first_child[next.value];
        } else {
            const StackId done = path.back();
            path.pop_back();
            leave(done);
            next = next_sibling[done.value];
        }
    }
}

}  // namespace pyebpf::output
