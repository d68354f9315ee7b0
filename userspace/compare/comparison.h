// SPDX-License-Identifier: Apache-2.0
// Decides what got slower. docs/statistics.md explains the model.
//
// Every function is measured against the *reference*: the cost of all functions that did not
// change. Shares of the whole would not do: one function that becomes cheaper raises the shares of
// all others.
//
//   1. find the changed functions, the clearest first, and take them out of the reference
//   2. test every function's own time, then what callers lost or gained in small pieces, then the
//      whole program's cost per unit of work
//   3. two gates: significant after correction for the number of tests, and large enough
//   4. cost that only moved between related functions is no regression
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compare/calibration.h"
#include "compare/series.h"

namespace pyebpf::compare {

enum class Correction { kHolm, kBenjaminiHochberg };

struct Thresholds {
    double max_regression = 0.05;  // relative: a function may cost 5 % more
    double min_effect = 0.005;     // absolute, of the cost of the whole base
    double min_share = 0.005;      // functions below are tested through their callers only
    double alpha = 0.05;           // chance of any false alarm, before the gates of size
    double confidence = 0.95;
    // A comparison that would miss this much in a function of a tenth is inconclusive.
    double must_see = 0.25;
    Correction correction = Correction::kHolm;
    const Calibration* calibration = nullptr;  // of this machine and workload; outlives compare()
};

enum class Measure { kSelf, kTotal, kWhole };

enum class Outcome {
    kSame,
    kRegressed,
    kImproved,
    kSuspect,  // large enough, but not certain enough
    kMoved,    // between related functions; see Difference::group
};

struct Difference {
    FunctionId function;  // invalid: the whole program
    Measure measure = Measure::kSelf;
    Outcome outcome = Outcome::kSame;
    Estimate estimate;
    // In shares of the base's whole cost: 0.10 and 0.11 if a function of a tenth got 10 % slower.
    double base_cost = 0;
    double head_cost = 0;
    double adjusted_p = 1;
    uint32_t line = 0;  // of the head: where the function's time goes; 0: not known
    // The functions that cost moved between, with this one; empty: it did not.
    std::vector<FunctionId> group;

    [[nodiscard]] double effect() const { return head_cost - base_cost; }
};

enum class Verdict { kPass, kRegression, kInconclusive };

// A part of the whole in both sides, described and not tested.
struct Row {
    std::string text;
    FunctionId function;  // of lines and stacks
    uint32_t line = 0;
    Estimate estimate;
    [[nodiscard]] double effect() const { return estimate.head_share - estimate.base_share; }
};

struct Power {
    double share = 0;
    double increase = 0;  // found nine times of ten; infinite: none would be
};

struct Comparison {
    std::vector<Difference> differences;  // regressions first, then by size
    Verdict verdict = Verdict::kPass;
    std::string reason;  // of the verdict, one line
    std::vector<Power> power;
    FunctionSet changed;                    // not part of the reference
    double reference_share = 1;             // of the base's cost
    std::optional<Estimate> cost_per_work;  // seconds of CPU per unit of work
    bool is_descriptive = false;            // one run a side: intervals within the runs only
    std::vector<Row> lines, stacks, categories, processes, containers;
};

// At least two runs a side. With `descriptive`, the runs are blocks of one recording a side.
[[nodiscard]] Comparison compare(const Sides& sides, const Thresholds& thresholds,
                                 bool descriptive = false);

}  // namespace pyebpf::compare
