// SPDX-License-Identifier: Apache-2.0
// How much of a profile each function took.
//
//   self   ticks of the samples in which the function was the leaf
//   total  ticks of the samples in which it was anywhere in the stack; a recursive function counts
//   once per sample
#pragma once

#include <vector>

#include "profile/profile.h"

namespace pyebpf::output {

struct FunctionTotal {
    profile::Frame function;  // without current line, never marked inlined
    double self = 0;
    double total = 0;
};

struct FunctionTotals {
    std::vector<FunctionTotal>
        functions;     // in order of first appearance; markers are not functions
    double ticks = 0;  // of all samples, those without a stack included

    // The largest `count` of them, ties by name.
    [[nodiscard]] std::vector<FunctionTotal> top_by_self(const profile::Profile& profile,
                                                         size_t count) const;
    [[nodiscard]] std::vector<FunctionTotal> top_by_total(const profile::Profile& profile,
                                                          size_t count) const;
};

// Linear in samples and stacks.
[[nodiscard]] FunctionTotals function_totals(const profile::Profile& profile);

}  // namespace pyebpf::output
