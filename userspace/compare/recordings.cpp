// SPDX-License-Identifier: Apache-2.0
#include "compare/recordings.h"

#include <fmt/format.h>

#include <algorithm>

namespace pyebpf::compare {

namespace {

constexpr size_t kBlocks = 20;
// Of the ticks of a side that functions known to both have; below, the sides did other things.
constexpr double kLeastCommon = 0.5;
constexpr double kSomeCommon = 0.2;

std::vector<RunTally> tally_side(const std::vector<NamedProfile>& runs, bool in_blocks,
                                 Sides& sides, std::string& root) {
    std::vector<std::string> files;
    for (const NamedProfile& run : runs) {
        const std::vector<std::string> more = python_files(run.profile);
        files.insert(files.end(), more.begin(), more.end());
    }
    root = project_root(files);
    TallyContext context{sides.functions, sides.labels, root};
    std::vector<RunTally> result;
    for (const NamedProfile& run : runs) {
        if (in_blocks) {
            const size_t blocks = kBlocks / runs.size();
            for (RunTally& block : tally_blocks(run.profile, context, std::max<size_t>(blocks, 1)))
                result.push_back(std::move(block));
            continue;
        }
        result.push_back(tally(run.profile, context));
        result.back().work = run.work;
    }
    return result;
}

// The share of the side's own ticks that functions of the other side have as well.
double common_share(const Sides& sides, bool of_head) {
    FunctionSet other;
    double all = 0;
    double common = 0;
    for_each_stack(sides, [&](const StackTally& stack, bool is_head, size_t) {
        if (is_head != of_head) other.insert(stack.functions.begin(), stack.functions.end());
    });
    for_each_stack(sides, [&](const StackTally& stack, bool is_head, size_t) {
        if (is_head != of_head) return;
        all += stack.ticks;
        if (other.contains(stack.functions.back())) common += stack.ticks;
    });
    return all > 0 ? common / all : 0;
}

// Python functions of the program itself, not of what is installed, in the stacks of a side.
FunctionSet own_functions(const Loaded& loaded, bool of_head) {
    const auto is_below = [](const Function& function, const std::string& root) {
        return !root.empty() && function.path.starts_with(root);
    };
    FunctionSet result;
    for_each_stack(loaded.sides, [&](const StackTally& stack, bool is_head, size_t) {
        if (is_head != of_head) return;
        for (const FunctionId id : stack.functions) {
            const Function& function = loaded.sides.functions[id];
            if (function.kind == profile::FrameKind::kPython &&
                (is_below(function, loaded.base_root) || is_below(function, loaded.head_root)))
                result.insert(id);
        }
    });
    return result;
}

// Any two programs have start-up and libc in common.
bool have_own_functions_in_common(const Loaded& loaded) {
    const FunctionSet base = own_functions(loaded, false);
    const FunctionSet head = own_functions(loaded, true);
    return (base.empty() && head.empty()) ||
           std::ranges::any_of(base, [&](FunctionId id) { return head.contains(id); });
}

}  // namespace

Result<Loaded> load_sides(const std::vector<NamedProfile>& base,
                          const std::vector<NamedProfile>& head) {
    Loaded loaded;
    std::vector<NamedEnvironment> environments;
    for (const std::vector<NamedProfile>* side : {&base, &head})
        for (const NamedProfile& run : *side)
            environments.push_back({run.name, environment_of(run.profile)});
    auto warnings = check_environments(environments);
    if (!warnings) return tl::unexpected(warnings.error());
    loaded.warnings = std::move(*warnings);
    loaded.environment = environments[base.size()].environment;

    loaded.is_descriptive = base.size() < 2 || head.size() < 2;
    loaded.sides.base = tally_side(base, loaded.is_descriptive, loaded.sides, loaded.base_root);
    loaded.sides.head = tally_side(head, loaded.is_descriptive, loaded.sides, loaded.head_root);
    unify_names(loaded.sides);

    const double common =
        std::min(common_share(loaded.sides, false), common_share(loaded.sides, true));
    if (!have_own_functions_in_common(loaded)) {
        return fail("the two sides have no function of the program itself in common",
                    "compare recordings of the same workload", kExitCannotMeasure);
    }
    if (common < kSomeCommon) {
        return fail(fmt::format("only {:.0f} % of the time is in functions that both sides have",
                                common * 100),
                    "compare recordings of the same workload", kExitCannotMeasure);
    }
    if (common < kLeastCommon) {
        loaded.warnings.push_back(fmt::format(
            "only {:.0f} % of the time is in functions that both sides have: are these the same "
            "workload?",
            common * 100));
    }
    return loaded;
}

}  // namespace pyebpf::compare
