// SPDX-License-Identifier: Apache-2.0
#include "compare/wording.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "output/names.h"

namespace pyebpf::compare {

namespace {

constexpr double kHuge = 100;  // times as much: a function that was not there

bool is_new(const Difference& difference) {
    return difference.estimate.change > kHuge;
}
bool is_gone(const Difference& difference) {
    return difference.estimate.change < 1 / kHuge - 1;
}

}  // namespace

std::string_view outcome_text(Outcome outcome) {
    switch (outcome) {
        case Outcome::kSame:
            return "no difference shown";
        case Outcome::kRegressed:
            return "slower";
        case Outcome::kImproved:
            return "faster";
        case Outcome::kSuspect:
            return "perhaps slower";
        case Outcome::kMoved:
            return "cost moved";
    }
    return "";
}

std::string_view outcome_key(Outcome outcome) {
    switch (outcome) {
        case Outcome::kSame:
            return "same";
        case Outcome::kRegressed:
            return "regressed";
        case Outcome::kImproved:
            return "improved";
        case Outcome::kSuspect:
            return "suspect";
        case Outcome::kMoved:
            return "moved";
    }
    return "";
}

std::string_view measure_key(Measure measure) {
    switch (measure) {
        case Measure::kSelf:
            return "self";
        case Measure::kTotal:
            return "total";
        case Measure::kWhole:
            return "whole";
    }
    return "";
}

std::string_view verdict_key(Verdict verdict) {
    switch (verdict) {
        case Verdict::kPass:
            return "pass";
        case Verdict::kRegression:
            return "regression";
        case Verdict::kInconclusive:
            return "inconclusive";
    }
    return "";
}

std::string function_text(const Report& report, FunctionId function) {
    return output::name_text(report.loaded.sides.functions[function].text());
}

std::string subject_text(const Report& report, const Difference& difference) {
    if (!difference.function.valid()) return "the whole program";
    return function_text(report, difference.function) +
           (difference.measure == Measure::kTotal ? " and what it calls" : "");
}

std::string percent(double fraction, bool with_sign) {
    const double value = fraction * 100;
    if (!std::isfinite(value)) return "unknown";
    return with_sign ? fmt::format("{:+.1f} %", value) : fmt::format("{:.1f} %", value);
}

std::string change_text(const Difference& difference) {
    if (is_new(difference)) return "new";
    if (is_gone(difference)) return "gone";
    return percent(difference.estimate.change, true);
}

std::string interval_text(const Estimate& estimate) {
    const auto number = [](double fraction) {
        return fraction > kHuge ? std::string("∞") : fmt::format("{:+.1f}", fraction * 100);
    };
    return fmt::format("{} … {} %", number(estimate.low), number(estimate.high));
}

std::string remark_text(const Report& report, const Difference& difference) {
    std::string text;
    for (const Match& match : report.loaded.sides.matches) {
        if (match.head != difference.function || match.relation == Relation::kRelocated) continue;
        text = "was " + function_text(report, match.base);
    }
    if (!difference.group.empty()) {
        std::string names;
        for (const FunctionId function : difference.group)
            names += (names.empty() ? "" : ", ") + function_text(report, function);
        text += fmt::format("{}cost moved between {}", text.empty() ? "" : "; ", names);
    }
    return text;
}

std::string file_text(const Report& report, const Difference& difference) {
    if (!difference.function.valid()) return {};
    std::string_view path = report.loaded.sides.functions[difference.function].path;
    if (path.empty() || path.starts_with('<')) return {};
    if (path.starts_with(report.source_root)) {
        path.remove_prefix(report.source_root.size());
        while (!report.source_root.empty() && path.starts_with('/')) path.remove_prefix(1);
    }
    return output::name_text(path);
}

std::string power_text(const Comparison& comparison) {
    std::string text;
    for (const Power& power : comparison.power) {
        if (!std::isfinite(power.increase)) continue;
        text += fmt::format("{}+{:.0f} % in a function of {:.0f} %", text.empty() ? "" : ", ",
                            std::ceil(power.increase * 100), power.share * 100);
    }
    return text.empty() ? "" : "would have been found nine times of ten: " + text;
}

std::vector<const Difference*> notable(const Report& report) {
    std::vector<const Difference*> result;
    for (const Difference& difference : report.comparison.differences)
        if (difference.outcome != Outcome::kSame) result.push_back(&difference);
    return result;
}

std::vector<const Difference*> with_outcome(const Report& report, Outcome outcome) {
    std::vector<const Difference*> result;
    for (const Difference& difference : report.comparison.differences)
        if (difference.outcome == outcome) result.push_back(&difference);
    return result;
}

}  // namespace pyebpf::compare
