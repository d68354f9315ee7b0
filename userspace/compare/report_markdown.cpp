// SPDX-License-Identifier: Apache-2.0
// A comment on a pull request. Platforms refuse longer ones (GitHub: 65,536 characters), so rows
// are left out, and counted, before that.
#include <fmt/format.h>

#include "base/escape.h"
#include "compare/report_writers.h"
#include "compare/wording.h"

namespace pyebpf::compare {

namespace {

constexpr size_t kMostCommentBytes = 60'000;
constexpr size_t kMostNameBytes = 200;

// A name as code in a cell of a table: nothing in it can end the cell or the code.
std::string code(std::string_view name) {
    std::string text;
    for (const char c : printable(name, kMostNameBytes)) {
        switch (c) {
            case '`':
                text += '\'';
                break;
            case '|':
                text += "\\|";
                break;
            default:
                text += c;
        }
    }
    return "`" + text + "`";
}

// A sentence: no markup, no links, nobody is mentioned.
std::string prose(std::string_view sentence) {
    constexpr std::string_view kMarkup = "\\`*_{}[]<>#|@~!&";
    std::string text;
    for (const char c : printable(sentence, kMostNameBytes)) {
        if (kMarkup.find(c) != std::string_view::npos) {
            text += fmt::format("&#{};", static_cast<int>(c));
        } else {
            text += c;
        }
    }
    return text;
}

std::string_view headline(const Comparison& comparison) {
    if (comparison.is_descriptive) return "ℹ️ two runs compared";
    switch (comparison.verdict) {
        case Verdict::kPass:
            return "✅ no regression";
        case Verdict::kRegression:
            return "❌ regression";
        case Verdict::kInconclusive:
            return "❔ inconclusive";
    }
    return "";
}

std::string table_row(const Report& report, const Difference& difference) {
    std::string where;
    if (const std::string file = file_text(report, difference); !file.empty())
        where = "<br>" + code(fmt::format("{}:{}", file, difference.line));
    const std::string remark = remark_text(report, difference);
    return fmt::format("| {} | {}{}{} | {} | {} | **{}** | {} |\n",
                       outcome_text(difference.outcome), code(subject_text(report, difference)),
                       where, remark.empty() ? "" : "<br>" + prose(remark),
                       percent(difference.base_cost), percent(difference.head_cost),
                       change_text(difference), interval_text(difference.estimate));
}

std::string table(const Report& report, const std::vector<const Difference*>& differences,
                  size_t room) {
    if (differences.empty()) return {};
    std::string text = fmt::format(
        "\n| | function | base | head | change | {:.0f} % interval |\n|---|---|--:|--:|--:|---|\n",
        report.thresholds.confidence * 100);
    size_t left = differences.size();
    for (const Difference* difference : differences) {
        const std::string row = table_row(report, *difference);
        if (text.size() + row.size() > room) break;
        text += row;
        left--;
    }
    if (left != 0) text += fmt::format("\n… and {} more\n", left);
    return text;
}

}  // namespace

void write_markdown(const Report& report, Sink& sink) {
    const Comparison& comparison = report.comparison;
    std::string text = fmt::format("{}\n### {}: {}\n\n{}\n", kCommentMarker, prose(report.title),
                                   headline(comparison), prose(comparison.reason));
    text += table(report, notable(report), kMostCommentBytes / 2);
    text += "\n<details><summary>how this was measured</summary>\n\n";
    text += fmt::format("- base {}: {} {}, head {}: {} {}\n", code(report.base_name),
                        report.loaded.sides.base.size(),
                        comparison.is_descriptive ? "blocks of one run" : "runs",
                        code(report.head_name), report.loaded.sides.head.size(),
                        comparison.is_descriptive ? "blocks of one run" : "runs");
    text += fmt::format(
        "- a regression is significant at {} and at least {} of the function's and "
        "{} of the program's cost\n",
        percent(report.thresholds.alpha), percent(report.thresholds.max_regression),
        percent(report.thresholds.min_effect));
    if (const std::string power = power_text(comparison); !power.empty())
        text += "- " + power + "\n";
    if (comparison.cost_per_work)
        text += fmt::format("- CPU time per unit of work: {} ({})\n",
                            percent(comparison.cost_per_work->change, true),
                            interval_text(*comparison.cost_per_work));
    for (const std::string& warning : report.loaded.warnings)
        text += "- ⚠️ " + prose(warning) + "\n";
    std::vector<const Difference*> others = with_outcome(report, Outcome::kSame);
    if (others.size() > report.most_rows) others.resize(report.most_rows);
    text += table(report, others, kMostCommentBytes / 4);
    text += "\n</details>\n";
    sink.write(text);
}

}  // namespace pyebpf::compare
