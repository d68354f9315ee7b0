// SPDX-License-Identifier: Apache-2.0
// Runs of a made-up program, with the noise of a machine: what a function costs varies from run to
// run, whole runs are slower or faster, and samples are counted.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "compare/series.h"

namespace pyebpf::compare::test {

// A path of calls, root first, and what one run of it costs. "module:function" or just "function".
struct Path {
    std::vector<std::string> functions;
    double cost = 0;
};

struct Machine {
    double ticks = 10'000;      // of a run whose cost is 1
    double function_noise = 0;  // coefficient of variation of a path's cost between runs
    double run_noise = 0;       // of a run's whole cost
};

[[nodiscard]] RunTally simulate_run(Sides& sides, const std::vector<Path>& paths,
                                    const Machine& machine, std::mt19937_64& random);

struct Experiment {
    std::vector<Path> base;
    std::vector<Path> head;
    Machine machine{};
    size_t runs = 7;
};

[[nodiscard]] Sides simulate(const Experiment& experiment, uint64_t seed);

}  // namespace pyebpf::compare::test
