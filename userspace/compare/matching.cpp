// SPDX-License-Identifier: Apache-2.0
#include "compare/matching.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

namespace pyebpf::compare {

namespace {

using profile::FrameKind;

// Where a function is in the graph of calls: ticks by direct caller and by direct callee. Its own
// time and its being a root have entries too (an invalid id).
struct Surroundings {
    std::map<FunctionId, double> callers;
    std::map<FunctionId, double> callees;
    double share = 0;  // of all ticks of the side, by stacks that it is in
};

using Graph = std::map<FunctionId, Surroundings>;

Graph graph_of(const std::vector<RunTally>& runs) {
    Graph graph;
    double all = 0;
    for (const RunTally& run : runs) all += run.ticks;
    for (const RunTally& run : runs) {
        for (const StackTally& stack : run.stacks) {
            FunctionId caller;
            std::set<FunctionId> seen;
            for (size_t i = 0; i < stack.functions.size(); i++) {
                const FunctionId function = stack.functions[i];
                Surroundings& node = graph[function];
                node.callers[caller] += stack.ticks;
                const bool is_leaf = i + 1 == stack.functions.size();
                node.callees[is_leaf ? FunctionId{} : stack.functions[i + 1]] += stack.ticks;
                if (all > 0 && seen.insert(function).second) node.share += stack.ticks / all;
                caller = function;
            }
        }
    }
    return graph;
}

// What a function is called for comparing surroundings. Those that only one side has are one and
// the same there: any of them may be any of the others renamed.
using Names = std::map<FunctionId, FunctionId>;
constexpr FunctionId kAnyOther{FunctionId::kNone - 1};

std::map<FunctionId, double> renamed(const std::map<FunctionId, double>& weights,
                                     const Names& names) {
    std::map<FunctionId, double> result;
    for (const auto& [function, weight] : weights) {
        const auto name = names.find(function);
        result[name == names.end() ? function : name->second] += weight;
    }
    return result;
}

// Cosine of the angle between two weightings of functions: 1 if they are proportional.
double similarity(const std::map<FunctionId, double>& base,
                  const std::map<FunctionId, double>& head, const Names& names) {
    double product = 0;
    double base_norm = 0;
    double head_norm = 0;
    const auto was = renamed(base, names);
    const auto is = renamed(head, names);
    for (const auto& [function, weight] : was) {
        base_norm += weight * weight;
        const auto other = is.find(function);
        if (other != is.end()) product += weight * other->second;
    }
    for (const auto& [_, weight] : is) head_norm += weight * weight;
    return base_norm > 0 && head_norm > 0 ? product / std::sqrt(base_norm * head_norm) : 0;
}

std::string_view file_name(const Function& function) {
    const std::string_view path = function.path;
    return path.substr(path.rfind('/') + 1);
}

constexpr double kCostFactor = 2;      // a renamed function costs at most this much more or less
constexpr double kLeastShare = 0.001;  // below, there is too little to recognize a function by
// Callers and callees must be nearly the same; 0.8 lets a fifth of the calls go elsewhere.
constexpr double kSimilar = 0.8;
constexpr size_t kMostCandidates = 500;  // on a side; names that differ in every run are a lot

struct Candidate {
    Match match;
    double score = 0;
};

// Modules of the base by what most of their functions that kept their names are in now.
using Modules = std::map<std::string, std::string>;

// 0: not the same function.
double score_of(const Function& base, const Surroundings& base_node, const Function& head,
                const Surroundings& head_node, const Names& names, const Modules& modules) {
    if (base.kind != head.kind) return 0;
    const auto callers = [&] { return similarity(base_node.callers, head_node.callers, names); };
    const auto callees = [&] { return similarity(base_node.callees, head_node.callees, names); };
    if (base.name == head.name) {
        // The name is evidence enough for a checkout elsewhere; not for a common name of another
        // file ("main", "run").
        const double same = callers() + callees();
        if (file_name(base) == file_name(head) && !base.path.empty()) return 3 + same;
        return same >= kSimilar ? 2 + same : 0;
    }
    const bool is_big_enough = base_node.share >= kLeastShare && head_node.share >= kLeastShare;
    const double factor = head_node.share / std::max(base_node.share, 1e-12);
    if (!is_big_enough || factor > kCostFactor || factor < 1 / kCostFactor) return 0;
    const auto moved = modules.find(base.module);
    const bool is_same_module =
        base.module == head.module || (moved != modules.end() && moved->second == head.module);
    if (!is_same_module || callers() < kSimilar || callees() < kSimilar) return 0;
    return callers() + callees() - std::abs(std::log(factor)) / 10;
}

Relation relation_of(const Function& base, const Function& head) {
    if (base.name != head.name) return Relation::kRenamed;
    return file_name(base) == file_name(head) ? Relation::kRelocated : Relation::kMoved;
}

// By the functions that kept their names: a script that is called otherwise now, a file that moved.
Modules moved_modules(const FunctionTable& functions, const std::vector<Candidate>& same_name,
                      const Graph& before) {
    std::map<std::string, std::map<std::string, double>> votes;
    for (const Candidate& candidate : same_name) {
        const Function& was = functions[candidate.match.base];
        const Function& is = functions[candidate.match.head];
        votes[was.module][is.module] += before.at(candidate.match.base).share;
    }
    Modules modules;
    for (const auto& [module, others] : votes) {
        modules[module] = std::ranges::max_element(others, {}, [](const auto& vote) {
                              return vote.second;
                          })->first;
    }
    return modules;
}

// Functions that only one of the sides has, the costly ones first.
std::vector<FunctionId> only_in(const Graph& graph, const Graph& other) {
    std::vector<FunctionId> result;
    for (const auto& [function, node] : graph)
        if (!other.contains(function)) result.push_back(function);
    std::ranges::stable_sort(
        result, [&](FunctionId a, FunctionId b) { return graph.at(a).share > graph.at(b).share; });
    if (result.size() > kMostCandidates) result.resize(kMostCandidates);
    return result;
}

}  // namespace

std::vector<Match> match_functions(const FunctionTable& functions,
                                   const std::vector<RunTally>& base,
                                   const std::vector<RunTally>& head) {
    const Graph before = graph_of(base);
    const Graph after = graph_of(head);
    const std::vector<FunctionId> gone = only_in(before, after);
    const std::vector<FunctionId> fresh = only_in(after, before);
    Names names;
    for (const FunctionId function : gone) names[function] = kAnyOther;
    for (const FunctionId function : fresh) names[function] = kAnyOther;

    std::vector<Candidate> candidates;
    Modules modules;
    const auto collect = [&](bool with_same_name) {
        for (const FunctionId old_one : gone) {
            for (const FunctionId new_one : fresh) {
                const Function& was = functions[old_one];
                const Function& is = functions[new_one];
                if ((was.name == is.name) != with_same_name) continue;
                const double score =
                    score_of(was, before.at(old_one), is, after.at(new_one), names, modules);
                if (score > 0)
                    candidates.push_back({{old_one, new_one, relation_of(was, is)}, score});
            }
        }
    };
    collect(true);
    modules = moved_modules(functions, candidates, before);
    collect(false);
    std::ranges::stable_sort(candidates, std::greater<>{}, &Candidate::score);
    std::set<FunctionId> used;
    std::vector<Match> matches;
    for (const Candidate& candidate : candidates) {
        const Match& match = candidate.match;
        if (used.contains(match.base) || used.contains(match.head)) continue;
        used.insert(match.base);
        used.insert(match.head);
        matches.push_back(match);
    }
    return matches;
}

void apply_matches(const std::vector<Match>& matches, std::vector<RunTally>& base) {
    Names names;
    for (const Match& match : matches) names[match.base] = match.head;
    if (names.empty()) return;
    for (RunTally& run : base) {
        for (StackTally& stack : run.stacks) {
            for (FunctionId& function : stack.functions) {
                const auto name = names.find(function);
                if (name != names.end()) function = name->second;
            }
        }
    }
}

}  // namespace pyebpf::compare
