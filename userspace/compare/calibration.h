// SPDX-License-Identifier: Apache-2.0
// How much equal runs of a workload differ on a machine, measured once by many runs. A comparison
// of few runs believes no less noise than that.
//
// The noise is kept as the variance of log odds between runs, beyond the counting of samples, so
// that it holds for longer runs and for other frequencies.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "compare/environment.h"
#include "compare/series.h"

namespace pyebpf::compare {

struct Calibration {
    std::string suite;
    Environment environment;
    int64_t saved_unix_s = 0;
    uint32_t runs = 0;
    double degrees = 0;                       // how well the variances are known
    std::map<std::string, double> functions;  // by text(), those that a comparison would test
    double typical = 0;                       // of functions that are not among them
    Dispersion whole;  // relative variance of the cost per unit of work; degrees 0: not known
    // Another interpreter or kernel: the variances are a floor, and no more certain than others.
    bool is_floor_only = false;

    // What a function with these ticks shows at least.
    [[nodiscard]] Dispersion floor(const std::string& function, const Counts& base,
                                   const Counts& head) const;
    // Of functions and what they call, and of functions that are not known.
    [[nodiscard]] Dispersion typical_floor(const Counts& base, const Counts& head) const;
};

// Both sides are runs of the same program.
[[nodiscard]] Calibration calibrate(const Sides& sides, double min_share);

// Recordings with the same text were made on machines of one kind: architecture, number and model
// of CPUs.
[[nodiscard]] std::string machine_text(const Environment& environment);

// A file of calibrations, one for each suite and machine.
[[nodiscard]] Result<std::vector<Calibration>> read_calibrations(const std::string& path);
// Adds to the file, or replaces that of the same suite and machine.
[[nodiscard]] Result<void> save_calibration(const std::string& path, const Calibration& added);

struct ChosenCalibration {
    std::optional<Calibration> calibration;
    std::vector<std::string> warnings;  // why there is none, or what differs
};

[[nodiscard]] ChosenCalibration choose_calibration(const std::vector<Calibration>& known,
                                                   const std::string& suite,
                                                   const Environment& environment);

}  // namespace pyebpf::compare
