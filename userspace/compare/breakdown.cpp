// SPDX-License-Identifier: Apache-2.0
#include "compare/breakdown.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace pyebpf::compare {

namespace {

constexpr size_t kMostRows = 30;

template <class Key>
using Groups = std::map<Key, Series>;

template <class Key, class KeyOf>
Groups<Key> group_by(const Sides& sides, KeyOf key_of) {
    Groups<Key> groups;
    for_each_stack(sides, [&](const StackTally& stack, bool is_head, size_t run) {
        Series& series = groups.try_emplace(key_of(stack), sides).first->second;
        (is_head ? series.head : series.base)[run] += stack.ticks;
    });
    return groups;
}

// The rows that differ most, at most kMostRows.
template <class Key, class RowOf>
std::vector<Row> rows_of(const Groups<Key>& groups, const Series& all, RowOf row_of,
                         const Estimator& estimate) {
    std::vector<std::pair<double, const typename Groups<Key>::value_type*>> order;
    for (const auto& group : groups) {
        const double effect = sum(group.second.head) / std::max(sum(all.head), 1e-12) -
                              sum(group.second.base) / std::max(sum(all.base), 1e-12);
        order.emplace_back(-std::abs(effect), &group);
    }
    std::ranges::stable_sort(order, {}, [](const auto& entry) { return entry.first; });
    if (order.size() > kMostRows) order.resize(kMostRows);
    std::vector<Row> rows;
    for (const auto& [_, group] : order) {
        Row row = row_of(group->first);
        const auto [base, head] = against_rest(group->second, all);
        row.estimate = estimate(base, head);
        rows.push_back(std::move(row));
    }
    return rows;
}

std::vector<Row> category_rows(const Sides& sides, const Estimator& estimate) {
    Groups<Category> groups;
    Series all(sides);
    for (const bool is_head : {false, true}) {
        const std::vector<RunTally>& runs = is_head ? sides.head : sides.base;
        for (size_t run = 0; run < runs.size(); run++) {
            for (size_t i = 0; i < kCategories; i++) {
                const double ticks = runs[run].by_category[i];
                if (ticks <= 0) continue;
                Series& series = groups.try_emplace(static_cast<Category>(i), sides).first->second;
                (is_head ? series.head : series.base)[run] += ticks;
                (is_head ? all.head : all.base)[run] += ticks;
            }
        }
    }
    return rows_of(
        groups, all,
        [](Category category) { return Row{.text = std::string(category_text(category))}; },
        estimate);
}

}  // namespace

void describe(const Sides& sides, Comparison& comparison, const Estimator& estimate) {
    const Series all = all_ticks(sides);
    using Line = std::pair<FunctionId, uint32_t>;
    const auto lines = group_by<Line>(sides, [](const StackTally& stack) {
        return Line(stack.functions.back(), stack.leaf_line);
    });
    // Lines move between versions: the head's own busiest line is where a reader looks first.
    std::map<FunctionId, std::pair<double, uint32_t>> busiest;
    for (const auto& [line, series] : lines) {
        auto& [ticks, number] = busiest[line.first];
        if (sum(series.head) > ticks)
            std::tie(ticks, number) = std::pair(sum(series.head), line.second);
    }
    for (Difference& difference : comparison.differences) {
        if (!difference.function.valid()) continue;
        difference.line = sides.functions[difference.function].first_line;
        const auto found = busiest.find(difference.function);
        if (difference.measure == Measure::kSelf && found != busiest.end() &&
            found->second.second != 0)
            difference.line = found->second.second;
    }

    const auto line_row = [&](const Line& line) {
        const Function& function = sides.functions[line.first];
        return Row{.text = function.text(), .function = line.first, .line = line.second};
    };
    comparison.lines = rows_of(lines, all, line_row, estimate);
    std::erase_if(comparison.lines, [](const Row& row) { return row.line == 0; });

    comparison.stacks = rows_of(
        group_by<std::vector<FunctionId>>(sides,
                                          [](const StackTally& stack) { return stack.functions; }),
        all,
        [&](const std::vector<FunctionId>& functions) {
            std::string text;
            for (const FunctionId function : functions)
                text += (text.empty() ? "" : ";") + sides.functions[function].text();
            return Row{.text = std::move(text), .function = functions.back()};
        },
        estimate);
    comparison.categories = category_rows(sides, estimate);
    const auto label_row = [&](uint32_t label) {
        return Row{.text = std::string(sides.labels[profile::StringId{label}])};
    };
    comparison.processes =
        rows_of(group_by<uint32_t>(sides, [](const StackTally& stack) { return stack.process; }),
                all, label_row, estimate);
    comparison.containers =
        rows_of(group_by<uint32_t>(sides, [](const StackTally& stack) { return stack.container; }),
                all, label_row, estimate);
    std::erase_if(comparison.containers, [](const Row& row) { return row.text.empty(); });
}

}  // namespace pyebpf::compare
