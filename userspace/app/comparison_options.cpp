// SPDX-License-Identifier: Apache-2.0
#include "app/comparison_options.h"

#include <fmt/format.h>

#include <cmath>

#include "base/escape.h"
#include "base/log.h"
#include "compare/calibration.h"
#include "output/output_file.h"
#include "record/reader.h"

namespace pyebpf::app {

void ComparisonOptions::add_to(CLI::App& command) {
    command
        .add_option("--max-regression", max_regression_percent_,
                    "How much more a function may cost")
        ->type_name("PERCENT")
        ->capture_default_str();
    command
        .add_option("--min-effect", min_effect_percent_,
                    "Ignore less than this, of the whole program's cost")
        ->type_name("PERCENT")
        ->capture_default_str();
    command
        .add_option("--min-share", min_share_percent_,
                    "Test functions with at least this share; smaller ones through their callers")
        ->type_name("PERCENT")
        ->capture_default_str();
    command.add_option("--alpha", alpha_, "Chance of a false alarm by noise alone")
        ->type_name("P")
        ->capture_default_str();
    command.add_option("--confidence", confidence_, "Of the intervals")
        ->type_name("P")
        ->capture_default_str();
    command
        .add_option("--must-see", must_see_percent_,
                    "Inconclusive if more than this could hide in a function of 10 %")
        ->type_name("PERCENT")
        ->capture_default_str();
    command
        .add_option("--correction", correction_,
                    "For the number of tests: holm (any false alarm) or bh (their rate)")
        ->type_name("NAME")
        ->capture_default_str();
    command
        .add_option("--work", work_,
                    "Units of work that each run did: compares CPU time per unit as well")
        ->type_name("N");
    command
        .add_option("--source-root", source_root_,
                    "Folder that reports leave out of the names of files")
        ->type_name("DIR");
    command.add_option("--rows", most_rows_, "Rows of what did not change")
        ->type_name("N")
        ->capture_default_str();
    command
        .add_option("--suite", suite_, "What is run, to find its calibration (and its baseline) by")
        ->type_name("NAME")
        ->capture_default_str();
    command
        .add_option("--calibration", calibration_,
                    "File of `pyebpf calibrate`: the noise of this machine is at least that")
        ->type_name("FILE");
    command
        .add_option("-o,--output", output_,
                    "One report only, to this file; its kind follows from the extension")
        ->type_name("FILE");
    std::string names;
    std::string alternatives;
    for (const compare::ReportFormat& format : compare::report_formats()) {
        names += fmt::format("{}{}", names.empty() ? "" : ", ", format.name);
        alternatives += fmt::format("{}{}", alternatives.empty() ? "" : "|", format.name);
    }
    command.add_option("--format", format_, "The kind of that report")->type_name(alternatives);
    command
        .add_option("--report", reports_,
                    "A report and the file it goes to, - for stdout; may be repeated: " + names)
        ->type_name("NAME=FILE")
        ->default_str("text=-")
        ->expected(1);
    command.get_option("--report")->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

Result<std::vector<ComparisonOptions::Target>> ComparisonOptions::targets() const {
    std::vector<Target> result;
    for (const std::string& report : reports_) {
        const size_t equals = report.find('=');
        const auto format = compare::choose_report(report.substr(0, equals));
        if (!format) return tl::unexpected(format.error());
        result.push_back({*format, equals == std::string::npos ? "-" : report.substr(equals + 1)});
    }
    if (result.empty() || !output_.empty() || !format_.empty()) {
        const std::string file = output_.empty() ? "-" : output_;
        const auto format =
            format_.empty() ? compare::report_for_path(file) : compare::choose_report(format_);
        if (!format) return tl::unexpected(format.error());
        result.push_back({*format, file});
    }
    return result;
}

Result<void> ComparisonOptions::validate() const {
    const auto within = [](double value, double low, double high) {
        return std::isfinite(value) && value >= low && value <= high;
    };
    constexpr double kMostPercent = 1e6;
    const std::pair<const char*, double> percents[] = {
        {"--max-regression", max_regression_percent_},
        {"--min-effect", min_effect_percent_},
        {"--min-share", min_share_percent_},
        {"--must-see", must_see_percent_}};
    for (const auto& [name, value] : percents) {
        if (!within(value, 0, kMostPercent))
            return fail(fmt::format("{} {} is no percentage", name, value), "", kExitUsage);
    }
    constexpr double kLeastP = 1e-9;
    if (!within(alpha_, kLeastP, 0.5))
        return fail("--alpha must be a probability of at most 0.5", "", kExitUsage);
    if (!within(confidence_, 0.5, 1 - kLeastP))
        return fail("--confidence must be a probability of at least 0.5", "", kExitUsage);
    if (!within(work_, 0, 1e18)) return fail("--work must not be negative", "", kExitUsage);
    if (correction_ != "holm" && correction_ != "bh")
        return fail("--correction is holm or bh, not '" + printable(correction_) + "'", "",
                    kExitUsage);
    if (auto known = targets(); !known) return tl::unexpected(known.error());
    // Before anything is recorded.
    if (!calibration_.empty()) {
        if (auto known = compare::read_calibrations(calibration_); !known)
            return tl::unexpected(known.error());
    }
    return {};
}

compare::Thresholds ComparisonOptions::thresholds() const {
    compare::Thresholds thresholds;
    thresholds.max_regression = max_regression_percent_ / 100;
    thresholds.min_effect = min_effect_percent_ / 100;
    thresholds.min_share = min_share_percent_ / 100;
    thresholds.must_see = must_see_percent_ / 100;
    thresholds.alpha = alpha_;
    thresholds.confidence = confidence_;
    thresholds.correction =
        correction_ == "bh" ? compare::Correction::kBenjaminiHochberg : compare::Correction::kHolm;
    return thresholds;
}

Result<compare::Verdict> ComparisonOptions::conclude(const Input& input) const {
    auto loaded = compare::load_sides(input.base, input.head);
    if (!loaded) return tl::unexpected(loaded.error());
    compare::Thresholds thresholds = this->thresholds();
    compare::ChosenCalibration chosen;
    if (!calibration_.empty()) {
        const auto known = compare::read_calibrations(calibration_);
        if (!known) return tl::unexpected(known.error());
        chosen = compare::choose_calibration(*known, suite_, loaded->environment);
        loaded->warnings.insert(loaded->warnings.end(), chosen.warnings.begin(),
                                chosen.warnings.end());
        if (chosen.calibration) thresholds.calibration = &*chosen.calibration;
    }
    const compare::Comparison comparison =
        compare::compare(loaded->sides, thresholds, loaded->is_descriptive);
    const compare::Report report{.loaded = *loaded,
                                 .comparison = comparison,
                                 .thresholds = thresholds,
                                 .title = input.title,
                                 .base_name = input.base_name,
                                 .head_name = input.head_name,
                                 .base_runs = input.base,
                                 .head_runs = input.head,
                                 .source_root = source_root_,
                                 .most_rows = most_rows_};
    std::vector<output::OutputFile> files;
    const auto wanted = targets();
    if (!wanted) return tl::unexpected(wanted.error());
    for (const Target& target : *wanted) {
        auto file = output::OutputFile::open(target.file);
        if (!file) return tl::unexpected(file.error());
        if (auto written = target.format->write(report, file->sink()); !written)
            return tl::unexpected(written.error());
        files.push_back(std::move(*file));
    }
    for (output::OutputFile& file : files) {
        if (auto committed = file.commit(); !committed) return tl::unexpected(committed.error());
    }
    return comparison.verdict;
}

Result<std::vector<compare::NamedProfile>> read_recordings(const std::vector<std::string>& paths,
                                                           double work) {
    std::vector<compare::NamedProfile> result;
    for (const std::string& path : paths) {
        auto profile = record::read(path);
        if (!profile) {
            Error error = profile.error();
            error.exit_code = compare::kExitCannotMeasure;
            return tl::unexpected(error);
        }
        result.push_back({printable(path), std::move(*profile), work});
    }
    return result;
}

}  // namespace pyebpf::app
