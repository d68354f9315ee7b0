// SPDX-License-Identifier: Apache-2.0
// What is shown beside the tested differences: lines, stacks, categories, processes, containers.
#pragma once

#include <functional>

#include "compare/comparison.h"

namespace pyebpf::compare {

using Estimator = std::function<Estimate(const Counts& base, const Counts& head)>;

// Fills the rows of `comparison`, and the lines of its differences.
void describe(const Sides& sides, Comparison& comparison, const Estimator& estimate);

}  // namespace pyebpf::compare
