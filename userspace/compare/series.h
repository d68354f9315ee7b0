// SPDX-License-Identifier: Apache-2.0
// Ticks per run of whatever is compared. A Series has one number for each run of both sides.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compare/matching.h"
#include "compare/run_tally.h"
#include "compare/statistics.h"

namespace pyebpf::compare {

// Everything that was recorded of both sides, under common names.
struct Sides {
    FunctionTable functions;
    Labels labels;
    std::vector<RunTally> base;
    std::vector<RunTally> head;
    std::vector<Match> matches;
};

// Finds the functions that have another name in `head`, and gives those of `base` the new name.
void unify_names(Sides& sides);

struct Series {
    std::vector<double> base;
    std::vector<double> head;

    explicit Series(const Sides& sides) : base(sides.base.size()), head(sides.head.size()) {}
    Series& operator+=(const Series& other);
    Series& operator-=(const Series& other);
};

using FunctionSet = std::set<FunctionId>;
using FunctionSeries = std::map<FunctionId, Series>;

// Calls visit(stack, ticks of its run) for every stack of every run of both sides.
void for_each_stack(const Sides& sides,
                    const std::function<void(const StackTally&, bool is_head, size_t run)>& visit);

[[nodiscard]] Series all_ticks(const Sides& sides);
// Ticks in which a function ran itself, with what it asked of interpreter and kernel.
[[nodiscard]] FunctionSeries self_ticks(const Sides& sides);
// Ticks in which a function was anywhere in the stack; those that ran one of `except` are left out.
[[nodiscard]] FunctionSeries total_ticks(const Sides& sides, const FunctionSet& except);

// The mean of the two sides' shares of `part` in `all`: 0.1 is ten percent.
[[nodiscard]] double mean_share(const Series& part, const Series& all);

// part against (all - part), all runs.
[[nodiscard]] std::pair<Counts, Counts> against_rest(const Series& part, const Series& all);

}  // namespace pyebpf::compare
