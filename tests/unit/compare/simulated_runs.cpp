// SPDX-License-Identifier: Apache-2.0
#include "simulated_runs.h"

#include <cmath>

namespace pyebpf::compare::test {

namespace {

// A factor with mean 1 and this coefficient of variation.
double noise(double variation, std::mt19937_64& random) {
    if (variation <= 0) return 1;
    const double shape = 1 / (variation * variation);
    return std::gamma_distribution<double>(shape, 1 / shape)(random);
}

}  // namespace

RunTally simulate_run(Sides& sides, const std::vector<Path>& paths, const Machine& machine,
                      std::mt19937_64& random) {
    RunTally run{.seconds = 1, .tick_seconds = 1e-3, .work = 1};
    const double speed = noise(machine.run_noise, random);
    for (const Path& path : paths) {
        const double expected =
            machine.ticks * path.cost * speed * noise(machine.function_noise, random);
        StackTally stack{
            .ticks = static_cast<double>(std::poisson_distribution<uint64_t>(expected)(random))};
        for (const std::string& text : path.functions) {
            const size_t colon = text.find(':');
            const std::string module = colon == std::string::npos ? "" : text.substr(0, colon);
            stack.functions.push_back(sides.functions.intern(
                {.name = colon == std::string::npos ? text : text.substr(colon + 1),
                 .module = module,
                 .path = module.empty() ? "" : "/app/" + module + ".py",
                 .first_line = 10}));
        }
        stack.leaf_line = 12;
        run.by_category[static_cast<size_t>(Category::kPython)] += stack.ticks;
        run.ticks += stack.ticks;
        run.stacks.push_back(std::move(stack));
    }
    return run;
}

Sides simulate(const Experiment& experiment, uint64_t seed) {
    std::mt19937_64 random(seed);
    Sides sides;
    for (size_t i = 0; i < experiment.runs; i++) {
        sides.base.push_back(simulate_run(sides, experiment.base, experiment.machine, random));
        sides.head.push_back(simulate_run(sides, experiment.head, experiment.machine, random));
    }
    unify_names(sides);
    return sides;
}

}  // namespace pyebpf::compare::test
