// SPDX-License-Identifier: Apache-2.0
#include "compare/cost_shift.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace pyebpf::compare {

namespace {

// Who calls whom, in ticks of both sides together.
class CallGraph {
  public:
    explicit CallGraph(const Sides& sides) {
        for_each_stack(sides, [&](const StackTally& stack, bool, size_t) {
            FunctionId caller;
            for (const FunctionId function : stack.functions) {
                calls_[function][caller] += stack.ticks;
                caller = function;
            }
        });
    }

    // The direct caller of most of its ticks; invalid for a root.
    [[nodiscard]] FunctionId main_caller(FunctionId function) const {
        const auto found = calls_.find(function);
        if (found == calls_.end()) return {};
        return std::ranges::max_element(found->second, {},
                                        [](const auto& call) { return call.second; })
            ->first;
    }

  private:
    std::map<FunctionId, std::map<FunctionId, double>> calls_;
};

bool are_related(const FunctionTable& functions, const CallGraph& graph, FunctionId a,
                 FunctionId b) {
    const Function& first = functions[a];
    const Function& second = functions[b];
    if (first.kind == second.kind && !first.module.empty() && first.module == second.module)
        return true;
    const FunctionId caller_of_a = graph.main_caller(a);
    const FunctionId caller_of_b = graph.main_caller(b);
    return caller_of_a == b || caller_of_b == a ||
           (caller_of_a.valid() && caller_of_a == caller_of_b);
}

// A decrease explains a part of an increase if it is clear, and not small beside it; and together
// the decreases have to explain most of the increases.
constexpr double kClear = 0.01;
constexpr double kComparable = 0.2;
constexpr double kMost = 0.5;

bool gives(const Difference& from, const Difference& to) {
    return from.measure == Measure::kSelf && from.estimate.p_decrease < kClear &&
           -from.effect() >= kComparable * to.effect();
}

}  // namespace

std::vector<std::vector<size_t>> related_shifts(const Sides& sides,
                                                const std::vector<Difference>& differences) {
    const CallGraph graph(sides);
    std::vector<size_t> leader(differences.size());
    std::iota(leader.begin(), leader.end(), 0);
    const auto find = [&](size_t i) {
        while (leader[i] != i) i = leader[i] = leader[leader[i]];
        return i;
    };
    for (size_t up = 0; up < differences.size(); up++) {
        const Difference& increase = differences[up];
        if (increase.outcome != Outcome::kRegressed || increase.measure != Measure::kSelf) continue;
        for (size_t down = 0; down < differences.size(); down++) {
            if (gives(differences[down], increase) &&
                are_related(sides.functions, graph, increase.function, differences[down].function))
                leader[find(up)] = find(down);
        }
    }
    std::map<size_t, std::vector<size_t>> groups;
    for (size_t i = 0; i < differences.size(); i++) groups[find(i)].push_back(i);
    std::vector<std::vector<size_t>> result;
    for (auto& [_, members] : groups) {
        double up = 0;
        double down = 0;
        for (const size_t i : members) {
            const double effect = differences[i].effect();
            (effect > 0 ? up : down) += std::abs(effect);
        }
        if (members.size() > 1 && down >= kMost * up) result.push_back(std::move(members));
    }
    return result;
}

}  // namespace pyebpf::compare
