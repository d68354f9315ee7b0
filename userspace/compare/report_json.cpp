// SPDX-License-Identifier: Apache-2.0
// Reports for programs: our own JSON, Bencher's metric format, GitLab's Code Quality.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "compare/report_writers.h"
#include "compare/wording.h"
#include "output/names.h"

namespace pyebpf::compare {

namespace {

using nlohmann::ordered_json;

constexpr int kReportVersion = 1;  // grows when a key changes its meaning or goes

// JSON has no infinity.
ordered_json number(double value) {
    return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

void write(Sink& sink, const ordered_json& document) {
    sink.write(document.dump(2, ' ', false, ordered_json::error_handler_t::replace));
    sink.write("\n");
}

ordered_json difference_json(const Report& report, const Difference& difference) {
    const Estimate& estimate = difference.estimate;
    ordered_json json = {{"subject", subject_text(report, difference)},
                         {"measure", measure_key(difference.measure)},
                         {"outcome", outcome_key(difference.outcome)},
                         {"base_cost", number(difference.base_cost)},
                         {"head_cost", number(difference.head_cost)},
                         {"change", number(estimate.change)},
                         {"low", number(estimate.low)},
                         {"high", number(estimate.high)}};
    if (!report.comparison.is_descriptive) {
        json["p_increase"] = number(estimate.p_increase);
        json["adjusted_p"] = number(difference.adjusted_p);
        json["dispersion"] = number(estimate.dispersion.value);
        json["degrees_of_freedom"] = number(estimate.dispersion.degrees);
    }
    if (const std::string file = file_text(report, difference); !file.empty()) {
        json["file"] = file;
        json["line"] = difference.line;
    }
    if (const std::string remark = remark_text(report, difference); !remark.empty())
        json["remark"] = remark;
    return json;
}

ordered_json rows_json(const std::vector<Row>& rows) {
    auto result = ordered_json::array();
    for (const Row& row : rows) {
        ordered_json json = {{"name", output::name_text(row.text)}};
        if (row.line != 0) json["line"] = row.line;
        json["base_share"] = number(row.estimate.base_share);
        json["head_share"] = number(row.estimate.head_share);
        json["low"] = number(row.estimate.low);
        json["high"] = number(row.estimate.high);
        result.push_back(std::move(json));
    }
    return result;
}

ordered_json runs_json(const std::vector<RunTally>& runs) {
    auto result = ordered_json::array();
    for (const RunTally& run : runs) {
        result.push_back({{"ticks", number(run.ticks)},
                          {"cpu_seconds", number(run.ticks * run.tick_seconds)},
                          {"seconds", number(run.seconds)},
                          {"work", number(run.work)}});
    }
    return result;
}

// FNV-1a, 64 bits: the same finding has the same fingerprint wherever its line has moved to.
std::string fingerprint(std::string_view text) {
    uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return fmt::format("{:016x}", hash);
}

}  // namespace

void write_json(const Report& report, Sink& sink) {
    const Comparison& comparison = report.comparison;
    auto differences = ordered_json::array();
    for (const Difference& difference : comparison.differences)
        differences.push_back(difference_json(report, difference));
    auto power = ordered_json::array();
    for (const Power& entry : comparison.power)
        power.push_back({{"share", entry.share}, {"increase", number(entry.increase)}});
    auto environment = ordered_json::object();
    for (const auto& [name, value] : report.loaded.environment.facts) environment[name] = value;
    ordered_json document = {
        {"version", kReportVersion},
        {"title", printable(report.title)},
        {"verdict", comparison.is_descriptive ? "none" : verdict_key(comparison.verdict)},
        {"reason", comparison.reason},
        {"descriptive", comparison.is_descriptive},
        {"warnings", report.loaded.warnings},
        {"base", printable(report.base_name)},
        {"head", printable(report.head_name)},
        {"thresholds",
         {{"max_regression", report.thresholds.max_regression},
          {"min_effect", report.thresholds.min_effect},
          {"min_share", report.thresholds.min_share},
          {"alpha", report.thresholds.alpha},
          {"confidence", report.thresholds.confidence}}},
        {"power", power},
        {"reference_share", number(comparison.reference_share)},
        {"differences", differences},
        {"lines", rows_json(comparison.lines)},
        {"stacks", rows_json(comparison.stacks)},
        {"categories", rows_json(comparison.categories)},
        {"processes", rows_json(comparison.processes)},
        {"containers", rows_json(comparison.containers)},
        {"environment", environment},
    };
    if (!comparison.is_descriptive) {
        document["base_runs"] = runs_json(report.loaded.sides.base);
        document["head_runs"] = runs_json(report.loaded.sides.head);
    }
    write(sink, document);
}

// https://bencher.dev/docs/reference/bencher-metric-format
void write_bencher(const Report& report, Sink& sink) {
    auto document = ordered_json::object();
    for (const Difference& difference : report.comparison.differences) {
        if (!difference.function.valid()) continue;
        const double scale = difference.base_cost * 100;
        document[subject_text(report, difference)] = {
            {"cpu-percent",
             {{"value", number(difference.head_cost * 100)},
              {"lower_value", number(scale * (1 + difference.estimate.low))},
              {"upper_value", number(scale * (1 + difference.estimate.high))}}}};
    }
    write(sink, document);
}

// https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
void write_code_quality(const Report& report, Sink& sink) {
    auto document = ordered_json::array();
    for (const Difference* difference : with_outcome(report, Outcome::kRegressed)) {
        const std::string file = file_text(report, *difference);
        if (file.empty()) continue;
        const std::string subject = subject_text(report, *difference);
        document.push_back(
            {{"description",
              fmt::format("{} got slower: {} ({})", subject, change_text(*difference),
                          interval_text(difference->estimate))},
             {"check_name", "pyebpf-regression"},
             {"fingerprint", fingerprint(subject)},
             {"severity", "major"},
             {"location",
              {{"path", file}, {"lines", {{"begin", std::max(difference->line, 1u)}}}}}});
    }
    write(sink, document);
}

}  // namespace pyebpf::compare
