// SPDX-License-Identifier: Apache-2.0
// The statistics of a comparison (docs/statistics.md). The unit is the run: samples of one run
// share everything that made it fast or slow, so that a million of them are still one observation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pyebpf::compare {

[[nodiscard]] double sum(std::span<const double> values);

// One function in the runs of one side: its ticks, and the ticks of everything it is measured
// against. Both have one entry a run.
struct Counts {
    std::vector<double> part;
    std::vector<double> rest;
};

// How much runs differ beyond the counting of samples: variance = dispersion × binomial variance.
// `degrees` say how well that is known.
struct Dispersion {
    double value = 1;
    double degrees = 0;
};

// A relative change of cost: 0.10 is ten percent more.
struct Estimate {
    double base_share = 0;  // part / (part + rest), all runs of the side together
    double head_share = 0;
    double change = 0;
    double low = 0;  // two-sided interval of the change
    double high = 0;
    double p_increase = 1;  // probability of such an increase, or a larger one, by chance
    double p_decrease = 1;
    double standard_error = 0;  // of log(1 + change)
    Dispersion dispersion;
};

struct EstimateOptions {
    double confidence = 0.95;  // of the interval
    // Measured before, on this machine: the dispersion is at least this. Degrees 0: how well it is
    // known says nothing.
    Dispersion calibrated{};
};

// How much the runs of each side differ among themselves; may be less than 1.
[[nodiscard]] Dispersion own_dispersion(const Counts& base, const Counts& head);

// Quasi-binomial: the change of the odds part : rest, its error by the dispersion between runs, at
// least 1. With the rest unchanged it is the change of cost. Needs two runs a side.
[[nodiscard]] Estimate compare_odds(const Counts& base, const Counts& head,
                                    const EstimateOptions& options = {});

// Welch's t test on the logarithms of positive values (cost per unit of work), one a run. Here
// `calibrated` is the variance of a logarithm.
[[nodiscard]] Estimate compare_values(std::span<const double> base, std::span<const double> head,
                                      const EstimateOptions& options = {});

// One run a side, cut into blocks of time: the interval by resampling the blocks, without p values.
// It knows of the noise within the runs only.
[[nodiscard]] Estimate bootstrap_odds(const Counts& base, const Counts& head, double confidence,
                                      uint32_t rounds, uint64_t seed);

// Adjusted p values, in the order given. Weights are positive and say how a budget of alarms is
// divided; equal weights are the usual procedure.
[[nodiscard]] std::vector<double> holm(std::span<const double> p, std::span<const double> weights);
[[nodiscard]] std::vector<double> benjamini_hochberg(std::span<const double> p);

// The smallest increase of a part with this share that would be found with probability `power` at
// one-sided level alpha.
struct PowerInput {
    double share = 0.1;
    double base_ticks = 0;  // of all runs of the side together
    double head_ticks = 0;
    Dispersion dispersion;
    double alpha = 0.05;
    double power = 0.9;
};
[[nodiscard]] double detectable_increase(const PowerInput& input);

// Of Student's t distribution.
[[nodiscard]] double t_upper_tail(double t, double degrees);
[[nodiscard]] double t_quantile(double probability, double degrees);

}  // namespace pyebpf::compare
