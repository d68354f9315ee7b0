// SPDX-License-Identifier: Apache-2.0
#include "compare/report.h"

#include <algorithm>
#include <array>

#include "base/escape.h"
#include "compare/report_writers.h"

namespace pyebpf::compare {

namespace {

constexpr std::array kFormats{
    ReportFormat{"text", "for the terminal", write_text},
    ReportFormat{"json", "everything, for programs", write_json},
    ReportFormat{"markdown", "a comment on a pull request, or a step summary", write_markdown},
    ReportFormat{"annotations", "GitHub's workflow commands: a warning on the line",
                 write_annotations},
    ReportFormat{"junit", "JUnit XML: a test for each function", write_junit},
    ReportFormat{"openmetrics", "OpenMetrics text, for GitLab's metrics report", write_openmetrics},
    ReportFormat{"codequality", "GitLab's Code Quality JSON", write_code_quality},
    ReportFormat{"bencher", "Bencher Metric Format JSON", write_bencher},
};

}  // namespace

std::span<const ReportFormat> report_formats() {
    return kFormats;
}

Result<const ReportFormat*> choose_report(std::string_view name) {
    const auto found = std::ranges::find(kFormats, name, &ReportFormat::name);
    if (found != kFormats.end()) return &*found;
    std::string known;
    for (const ReportFormat& format : kFormats)
        known += (known.empty() ? "" : ", ") + std::string(format.name);
    return fail("there is no report '" + printable(name) + "'", "known reports: " + known,
                kExitUsage);
}

}  // namespace pyebpf::compare
