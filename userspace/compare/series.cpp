// SPDX-License-Identifier: Apache-2.0
#include "compare/series.h"

#include <algorithm>

namespace pyebpf::compare {

void unify_names(Sides& sides) {
    sides.matches = match_functions(sides.functions, sides.base, sides.head);
    apply_matches(sides.matches, sides.base);
}

Series& Series::operator+=(const Series& other) {
    std::ranges::transform(base, other.base, base.begin(), std::plus<>{});
    std::ranges::transform(head, other.head, head.begin(), std::plus<>{});
    return *this;
}

Series& Series::operator-=(const Series& other) {
    std::ranges::transform(base, other.base, base.begin(), std::minus<>{});
    std::ranges::transform(head, other.head, head.begin(), std::minus<>{});
    return *this;
}

void for_each_stack(const Sides& sides,
                    const std::function<void(const StackTally&, bool, size_t)>& visit) {
    for (const bool is_head : {false, true}) {
        const std::vector<RunTally>& runs = is_head ? sides.head : sides.base;
        for (size_t run = 0; run < runs.size(); run++)
            for (const StackTally& stack : runs[run].stacks) visit(stack, is_head, run);
    }
}

namespace {

void add(FunctionSeries& series, const Sides& sides, FunctionId function, const StackTally& stack,
         bool is_head, size_t run) {
    Series& values = series.try_emplace(function, sides).first->second;
    (is_head ? values.head : values.base)[run] += stack.ticks;
}

}  // namespace

Series all_ticks(const Sides& sides) {
    Series all(sides);
    std::ranges::transform(sides.base, all.base.begin(), &RunTally::ticks);
    std::ranges::transform(sides.head, all.head.begin(), &RunTally::ticks);
    return all;
}

FunctionSeries self_ticks(const Sides& sides) {
    FunctionSeries series;
    for_each_stack(sides, [&](const StackTally& stack, bool is_head, size_t run) {
        add(series, sides, stack.functions.back(), stack, is_head, run);
    });
    return series;
}

FunctionSeries total_ticks(const Sides& sides, const FunctionSet& except) {
    FunctionSeries series;
    for_each_stack(sides, [&](const StackTally& stack, bool is_head, size_t run) {
        if (except.contains(stack.functions.back())) return;
        // Recursion counts once.
        const FunctionSet distinct(stack.functions.begin(), stack.functions.end());
        for (const FunctionId function : distinct)
            add(series, sides, function, stack, is_head, run);
    });
    return series;
}

double mean_share(const Series& part, const Series& all) {
    const double base = sum(all.base);
    const double head = sum(all.head);
    return ((base > 0 ? sum(part.base) / base : 0) + (head > 0 ? sum(part.head) / head : 0)) / 2;
}

std::pair<Counts, Counts> against_rest(const Series& part, const Series& all) {
    Series rest = all;
    rest -= part;
    // Sums of many ticks: what should be nothing may be a rounding error below it.
    for (std::vector<double>* side : {&rest.base, &rest.head})
        for (double& value : *side) value = std::max(0.0, value);
    return {{part.base, rest.base}, {part.head, rest.head}};
}

}  // namespace pyebpf::compare
