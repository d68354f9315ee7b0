// SPDX-License-Identifier: Apache-2.0
// Cost that moved: a refactoring takes time from one function and gives it to another, and nothing
// got slower. Functions are related if they are in one module, one calls the other, or the same
// function calls both.
#pragma once

#include <vector>

#include "compare/comparison.h"

namespace pyebpf::compare {

// Groups of differences by index, each of functions that got dearer and related ones that got
// cheaper by a comparable amount.
[[nodiscard]] std::vector<std::vector<size_t>> related_shifts(
    const Sides& sides, const std::vector<Difference>& differences);

}  // namespace pyebpf::compare
