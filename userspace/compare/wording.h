// SPDX-License-Identifier: Apache-2.0
// Words and numbers that all reports share.
#pragma once

#include <string>
#include <string_view>

#include "compare/report.h"

namespace pyebpf::compare {

[[nodiscard]] std::string_view outcome_text(Outcome outcome);
[[nodiscard]] std::string_view outcome_key(Outcome outcome);  // of JSON: "regressed"
[[nodiscard]] std::string_view measure_key(Measure measure);  // "self", "total", "whole"
[[nodiscard]] std::string_view verdict_key(Verdict verdict);  // "pass"

// "shop.basket:Basket.total", "shop.basket:Basket.total and what it calls", "the whole program";
// printable.
[[nodiscard]] std::string subject_text(const Report& report, const Difference& difference);
[[nodiscard]] std::string function_text(const Report& report, FunctionId function);
// "+12.3 %", "new", "gone"
[[nodiscard]] std::string change_text(const Difference& difference);
[[nodiscard]] std::string percent(double fraction, bool with_sign = false);
// "+3 … +21 %"
[[nodiscard]] std::string interval_text(const Estimate& estimate);
// "was shop.basket:total", "moved between a and b", ""
[[nodiscard]] std::string remark_text(const Report& report, const Difference& difference);
// Of the head, below the source root; "" if it is no file.
[[nodiscard]] std::string file_text(const Report& report, const Difference& difference);
// "would have found +4 % or more in a function of 40 %, …"
[[nodiscard]] std::string power_text(const Comparison& comparison);

// The differences that a reader should see: everything but kSame.
[[nodiscard]] std::vector<const Difference*> notable(const Report& report);
[[nodiscard]] std::vector<const Difference*> with_outcome(const Report& report, Outcome outcome);

}  // namespace pyebpf::compare
