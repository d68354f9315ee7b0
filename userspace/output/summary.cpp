// SPDX-License-Identifier: Apache-2.0
#include "output/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>
#include <vector>

#include "base/escape.h"
#include "output/columns.h"
#include "output/function_text.h"
#include "output/function_totals.h"

namespace pyebpf::output {

namespace {

using profile::FrameKind;
using profile::Profile;

std::string count_of(uint64_t count, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", grouped(count), count == 1 ? one : many);
}

std::string percent(double part, double whole) {
    return fmt::format("{:5.1f} %", whole > 0 ? 100 * part / whole : 0);
}

std::string headline(const Profile& profile) {
    std::set<uint32_t> threads;
    for (const auto& sample : profile.samples) threads.insert(sample.thread.value);
    std::set<uint32_t> processes;
    std::set<uint32_t> pythons;
    for (const uint32_t thread : threads) {
        if (thread >= profile.threads.size()) continue;
        const uint32_t process = profile.threads[thread].process.value;
        processes.insert(process);
        if (process < profile.processes.size() && profile.processes[process].python.value != 0)
            pythons.insert(process);
    }
    return fmt::format(
        "{} in {:.1f} s: {} ({} Python), {}", count_of(profile.samples.size(), "sample", "samples"),
        profile.duration_seconds(), count_of(processes.size(), "process", "processes"),
        grouped(pythons.size()), count_of(threads.size(), "thread", "threads"));
}

std::string loss_text(const Profile& profile, size_t width, const Style& style) {
    size_t digits = 0;
    for (const auto& statistic : profile.statistics) {
        if (statistic.loss && statistic.value != 0)
            digits = std::max(digits, grouped(statistic.value).size());
    }
    if (digits == 0) return style.dim("complete: nothing was lost") + "\n";
    std::string text = style.warning("not complete:") + "\n";
    for (const auto& statistic : profile.statistics) {
        if (!statistic.loss || statistic.value == 0) continue;
        std::string lead = fmt::format("  {:>{}}  ", grouped(statistic.value), digits);
        const size_t indent = lead.size();
        const std::string meaning =
            printable(statistic.text.empty() ? statistic.name : statistic.text);
        for (const std::string& line : wrapped(meaning, width - std::min(indent, width / 2))) {
            text += lead + line + "\n";
            lead = std::string(indent, ' ');
        }
    }
    return text;
}

FunctionTotals only_python(const FunctionTotals& totals) {
    FunctionTotals result;
    std::ranges::copy_if(
        totals.functions, std::back_inserter(result.functions),
        [](const FunctionTotal& row) { return row.function.kind == FrameKind::kPython; });
    return result;
}

}  // namespace

std::string summary(const Profile& profile, const SummaryOptions& options) {
    const size_t width = std::max(options.width, kSmallestWidth);
    const Style style(options.color);
    const FunctionTotals totals = function_totals(profile);

    std::string text;
    for (const std::string& line : wrapped(headline(profile), width))
        text += style.bold(line) + "\n";
    const auto add_table = [&](std::string_view title,
                               const std::vector<FunctionTotal>& functions) {
        if (functions.empty()) return;
        text += fmt::format(
            "\n{}\n", style.bold(shortened(fmt::format("   self    total  {}", title), width)));
        for (const FunctionTotal& row : functions) {
            const std::string numbers = fmt::format("{} {}  ", percent(row.self, totals.ticks),
                                                    percent(row.total, totals.ticks));
            text += numbers + function_text(profile, row.function, width - numbers.size(), style) +
                    "\n";
        }
    };
    add_table("function, by self", totals.top_by_self(profile, options.top_functions));
    // On the root side native code only starts things; whole Pythons would hide behind it.
    const FunctionTotals python = only_python(totals);
    if (python.functions.empty()) {
        add_table("function, by total", totals.top_by_total(profile, options.top_functions));
    } else {
        add_table("Python function, by total", python.top_by_total(profile, options.top_functions));
    }
    return text + "\n" + loss_text(profile, width, style);
}

}  // namespace pyebpf::output
