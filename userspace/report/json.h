// SPDX-License-Identifier: Apache-2.0
// What the JSON of all views has in common. Described in docs/cli/report.md.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/escape.h"
#include "output/names.h"
#include "report/amounts.h"

namespace pyebpf::report {

// Grows when a key changes its meaning or goes; new keys may come at any time.
inline constexpr int kJsonVersion = 1;

[[nodiscard]] inline nlohmann::ordered_json document_json(const StackAmounts& amounts,
                                                          std::string_view view) {
    return {{"version", kJsonVersion},
            {"view", view},
            {"unit", printable(amounts.unit().name)},
            {"samples", amounts.samples()},
            {"total", amounts.sum()}};
}

[[nodiscard]] inline nlohmann::ordered_json frame_json(const profile::Profile& profile,
                                                       const profile::Frame& frame) {
    return {{"function", output::name_text(profile.text(frame.function))},
            {"file", output::name_text(profile.text(frame.file))},
            {"line", frame.line != 0 ? frame.line : frame.first_line},
            {"module", output::name_text(profile.text(frame.module))},
            {"kind", output::kind_name(frame.kind)}};
}

}  // namespace pyebpf::report
