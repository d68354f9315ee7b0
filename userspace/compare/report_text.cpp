// SPDX-License-Identifier: Apache-2.0
// The report for a terminal.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/escape.h"
#include "compare/report_writers.h"
#include "compare/wording.h"
#include "output/columns.h"

namespace pyebpf::compare {

namespace {

constexpr size_t kNameColumns = 56;

std::string padded(const std::string& text, size_t width) {
    const std::string shown = output::shortened(text, width);
    return shown + std::string(width - output::columns(shown), ' ');
}

std::string difference_line(const Report& report, const Difference& difference) {
    std::string line = fmt::format("  {} {:>8} {:>8} {:>9}  {}",
                                   padded(subject_text(report, difference), kNameColumns),
                                   percent(difference.base_cost), percent(difference.head_cost),
                                   change_text(difference), interval_text(difference.estimate));
    if (!report.comparison.is_descriptive) line += fmt::format("  p {:.2g}", difference.adjusted_p);
    line += "\n";
    const std::string file = file_text(report, difference);
    if (!file.empty() && difference.outcome != Outcome::kSame)
        line += fmt::format("      {}:{}\n", file, difference.line);
    if (const std::string remark = remark_text(report, difference); !remark.empty())
        line += "      " + remark + "\n";
    return line;
}

// The largest of those without a finding, so that a reader sees what was looked at.
std::string other_lines(const Report& report) {
    std::string text;
    size_t rows = 0;
    for (const Difference* difference : with_outcome(report, Outcome::kSame)) {
        if (rows++ == report.most_rows) break;
        text += difference_line(report, *difference);
    }
    return text;
}

std::string rows_text(std::string_view title, const std::vector<Row>& rows, size_t most,
                      bool with_line) {
    if (rows.size() < 2 && !with_line) return {};
    std::string text;
    for (const Row& row : rows) {
        if (most-- == 0) break;
        std::string name = printable(row.text);
        if (name.empty()) name = "(none)";
        if (with_line) name += fmt::format(":{}", row.line);
        text += fmt::format("  {} {:>8} {:>8} {:>9}\n", padded(name, kNameColumns),
                            percent(row.estimate.base_share), percent(row.estimate.head_share),
                            fmt::format("{:+.1f}", row.effect() * 100));
    }
    return text.empty()
               ? ""
               : fmt::format("\n{} (share of all samples, difference in points)\n{}", title, text);
}

}  // namespace

void write_text(const Report& report, Sink& sink) {
    const Comparison& comparison = report.comparison;
    const Sides& sides = report.loaded.sides;
    sink.write(fmt::format("{}: {}\n", report.title,
                           comparison.is_descriptive ? "a description, not a verdict"
                                                     : verdict_key(comparison.verdict)));
    sink.write(fmt::format("  {}\n", comparison.reason));
    if (comparison.is_descriptive) {
        sink.write(fmt::format("  base {}, head {}; intervals by bootstrap over blocks of time\n",
                               printable(report.base_name), printable(report.head_name)));
    } else {
        sink.write(fmt::format("  base {} ({} runs), head {} ({} runs)\n",
                               printable(report.base_name), sides.base.size(),
                               printable(report.head_name), sides.head.size()));
    }
    if (const std::string power = power_text(comparison); !power.empty())
        sink.write("  " + power + "\n");
    if (comparison.cost_per_work)
        sink.write(fmt::format("  CPU time per unit of work: {} ({})\n",
                               percent(comparison.cost_per_work->change, true),
                               interval_text(*comparison.cost_per_work)));
    for (const std::string& warning : report.loaded.warnings)
        sink.write("  warning: " + warning + "\n");

    const std::string head =
        fmt::format("  {} {:>8} {:>8} {:>9}  {}\n", padded("", kNameColumns), "base", "head",
                    "change", fmt::format("{:.0f} % interval", report.thresholds.confidence * 100));
    for (const Outcome outcome :
         {Outcome::kRegressed, Outcome::kSuspect, Outcome::kMoved, Outcome::kImproved}) {
        const auto found = with_outcome(report, outcome);
        if (found.empty()) continue;
        sink.write(fmt::format("\n{}\n{}", outcome_text(outcome), head));
        for (const Difference* difference : found) sink.write(difference_line(report, *difference));
    }
    if (const std::string others = other_lines(report); !others.empty())
        sink.write(fmt::format("\n{}\n{}{}", outcome_text(Outcome::kSame), head, others));
    constexpr size_t kFew = 10;
    sink.write(rows_text("lines", comparison.lines, std::min(kFew, report.most_rows), true));
    sink.write(rows_text("what the time was spent on", comparison.categories, kCategories, false));
    sink.write(rows_text("processes", comparison.processes, kFew, false));
    sink.write(rows_text("containers", comparison.containers, kFew, false));
}

}  // namespace pyebpf::compare
