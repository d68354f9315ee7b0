// SPDX-License-Identifier: Apache-2.0
// The options that `diff` and `check` share, and what both do with two sides of recordings.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "base/result.h"
#include "compare/comparison.h"
#include "compare/recordings.h"
#include "compare/report.h"

namespace pyebpf::app {

class ComparisonOptions {
  public:
    void add_to(CLI::App& command);
    // Before anything is recorded: what is wrong with the options.
    [[nodiscard]] Result<void> validate() const;

    struct Input {
        std::vector<compare::NamedProfile> base;
        std::vector<compare::NamedProfile> head;
        std::string title;
        std::string base_name;
        std::string head_name;
    };
    // Compares and writes all reports, or none. The verdict decides the exit code.
    [[nodiscard]] Result<compare::Verdict> conclude(const Input& input) const;

    [[nodiscard]] double work() const { return work_; }
    [[nodiscard]] const std::string& suite() const { return suite_; }

  private:
    struct Target {
        const compare::ReportFormat* format;
        std::string file;
    };
    [[nodiscard]] Result<std::vector<Target>> targets() const;
    [[nodiscard]] compare::Thresholds thresholds() const;

    double max_regression_percent_ = 5;
    double min_effect_percent_ = 0.5;
    double min_share_percent_ = 0.5;
    double alpha_ = 0.05;
    double confidence_ = 0.95;
    double must_see_percent_ = 25;
    std::string correction_ = "holm";
    double work_ = 0;
    std::string source_root_;
    size_t most_rows_ = 20;
    std::vector<std::string> reports_;
    std::string output_;
    std::string format_;
    std::string suite_ = "default";
    std::string calibration_;
};

// Reads recordings; errors name the file.
[[nodiscard]] Result<std::vector<compare::NamedProfile>> read_recordings(
    const std::vector<std::string>& paths, double work);

}  // namespace pyebpf::app
