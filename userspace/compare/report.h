// SPDX-License-Identifier: Apache-2.0
// The reports of a comparison: one function a format, and a table of them. All of them are
// functions of the Report, so that the same comparison gives the same bytes.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compare/comparison.h"
#include "compare/recordings.h"
#include "base/sink.h"

namespace pyebpf::compare {

struct Report {
    const Loaded& loaded;
    const Comparison& comparison;
    const Thresholds& thresholds;
    std::string title;  // "pyebpf check", or the suite's name
    std::string base_name;
    std::string head_name;
    // The recordings themselves, for the page.
    std::span<const NamedProfile> base_runs{}, head_runs{};
    // Removed from the front of file names, so that annotations name files as the repository does.
    std::string source_root{};
    size_t most_rows = 20;
};

struct ReportFormat {
    std::string_view name;         // for --report NAME=FILE
    std::string_view extension;    // of -o FILE; empty: it has none of its own
    std::string_view description;  // one line for --help
    Result<void> (*write)(const Report& report, Sink& sink);
};

[[nodiscard]] std::span<const ReportFormat> report_formats();
// kExitUsage with the known names.
[[nodiscard]] Result<const ReportFormat*> choose_report(std::string_view name);
// By the end of the path; text if it has none, as stdout.
[[nodiscard]] Result<const ReportFormat*> report_for_path(std::string_view path);

// A comment on a pull request begins with this line, by which it is found and edited in place.
inline constexpr std::string_view kCommentMarker = "<!-- pyebpf-check -->";

}  // namespace pyebpf::compare
