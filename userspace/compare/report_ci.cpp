// SPDX-License-Identifier: Apache-2.0
// Reports in the line-based and XML formats of CI systems.
#include <fmt/format.h>

#include <algorithm>

#include "base/escape.h"
#include "compare/report_writers.h"
#include "compare/wording.h"

namespace pyebpf::compare {

namespace {

std::string replaced(std::string_view text,
                     std::initializer_list<std::pair<char, std::string_view>> replacements) {
    std::string result;
    for (const char c : text) {
        const auto found =
            std::ranges::find(replacements, c, [](const auto& r) { return r.first; });
        if (found == replacements.end()) {
            result += c;
        } else {
            result += found->second;
        }
    }
    return result;
}

// actions/toolkit, packages/core/src/command.ts: escapeData and escapeProperty.
std::string command_data(std::string_view text) {
    return replaced(text, {{'%', "%25"}, {'\r', "%0D"}, {'\n', "%0A"}});
}
std::string command_property(std::string_view text) {
    return replaced(text, {{'%', "%25"}, {'\r', "%0D"}, {'\n', "%0A"}, {':', "%3A"}, {',', "%2C"}});
}

std::string xml(std::string_view text) {
    return replaced(
        text, {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&apos;"}});
}

// OpenMetrics 1.0, label values.
std::string label(std::string_view text) {
    return replaced(text, {{'\\', "\\\\"}, {'"', "\\\""}, {'\n', "\\n"}});
}

std::string sentence(const Report& report, const Difference& difference) {
    std::string text =
        fmt::format("{} got slower: {} ({} % interval {}), from {} to {} of the program's cost",
                    subject_text(report, difference), change_text(difference),
                    report.thresholds.confidence * 100, interval_text(difference.estimate),
                    percent(difference.base_cost), percent(difference.head_cost));
    if (const std::string remark = remark_text(report, difference); !remark.empty())
        text += "; " + remark;
    return text;
}

}  // namespace

void write_annotations(const Report& report, Sink& sink) {
    // GitHub shows ten of a kind a step (actions/toolkit, docs/problem-matchers.md).
    constexpr size_t kMostAnnotations = 10;
    size_t written = 0;
    for (const Outcome outcome : {Outcome::kRegressed, Outcome::kSuspect}) {
        const std::string_view level = outcome == Outcome::kRegressed ? "warning" : "notice";
        for (const Difference* difference : with_outcome(report, outcome)) {
            if (written++ == kMostAnnotations) return;
            const std::string file = file_text(report, *difference);
            std::string where;
            if (!file.empty())
                where = fmt::format("file={},line={},", command_property(file),
                                    std::max(difference->line, 1u));
            sink.write(fmt::format("::{} {}title={}::{}\n", level, where,
                                   command_property(report.title),
                                   command_data(sentence(report, *difference))));
        }
    }
}

void write_junit(const Report& report, Sink& sink) {
    const Comparison& comparison = report.comparison;
    const size_t failures = with_outcome(report, Outcome::kRegressed).size();
    const size_t skipped = with_outcome(report, Outcome::kSuspect).size();
    sink.write("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    sink.write(fmt::format(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">\n",
        xml(printable(report.title)), comparison.differences.size(), failures, skipped));
    for (const Difference& difference : comparison.differences) {
        sink.write(fmt::format("    <testcase classname=\"{}\" name=\"{}\"",
                               measure_key(difference.measure),
                               xml(subject_text(report, difference))));
        if (difference.outcome == Outcome::kRegressed) {
            sink.write(fmt::format("><failure message=\"{}\" type=\"regression\"/></testcase>\n",
                                   xml(sentence(report, difference))));
        } else if (difference.outcome == Outcome::kSuspect) {
            sink.write("><skipped message=\"inconclusive\"/></testcase>\n");
        } else {
            sink.write("/>\n");
        }
    }
    sink.write(fmt::format("    <system-out>{}</system-out>\n", xml(comparison.reason)));
    sink.write("  </testsuite>\n</testsuites>\n");
}

void write_openmetrics(const Report& report, Sink& sink) {
    sink.write(
        "# TYPE pyebpf_function_cost_ratio gauge\n"
        "# HELP pyebpf_function_cost_ratio cost in the head, of the whole cost of the base\n");
    for (const Difference& difference : report.comparison.differences) {
        if (!difference.function.valid()) continue;
        sink.write(fmt::format("pyebpf_function_cost_ratio{{function=\"{}\",measure=\"{}\"}} {}\n",
                               label(function_text(report, difference.function)),
                               measure_key(difference.measure), difference.head_cost));
    }
    sink.write(
        fmt::format("# TYPE pyebpf_regressions gauge\n"
                    "# HELP pyebpf_regressions functions that got slower\n"
                    "pyebpf_regressions {}\n# EOF\n",
                    with_outcome(report, Outcome::kRegressed).size()));
}

}  // namespace pyebpf::compare
