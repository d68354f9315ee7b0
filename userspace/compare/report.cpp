// SPDX-License-Identifier: Apache-2.0
#include "compare/report.h"

#include <algorithm>
#include <array>

#include "base/escape.h"
#include "compare/page.h"
#include "compare/report_writers.h"

namespace pyebpf::compare {

namespace {

// Most writers cannot fail; the sink keeps its own errors.
template <void (*write)(const Report&, Sink&)>
Result<void> always(const Report& report, Sink& sink) {
    write(report, sink);
    return {};
}

constexpr std::array kFormats{
    ReportFormat{"text", ".txt", "for the terminal", always<write_text>},
    ReportFormat{"html", ".html", "a page with both flame graphs and what was found", write_page},
    ReportFormat{"json", ".json", "everything, for programs", always<write_json>},
    ReportFormat{"markdown", ".md", "a comment on a pull request, or a step summary",
                 always<write_markdown>},
    ReportFormat{"annotations", "", "GitHub's workflow commands: a warning on the line",
                 always<write_annotations>},
    ReportFormat{"junit", ".xml", "JUnit XML: a test for each function", always<write_junit>},
    ReportFormat{"openmetrics", "", "OpenMetrics text, for GitLab's metrics report",
                 always<write_openmetrics>},
    ReportFormat{"codequality", "", "GitLab's Code Quality JSON", always<write_code_quality>},
    ReportFormat{"bencher", "", "Bencher Metric Format JSON", always<write_bencher>},
};

std::string names() {
    std::string known;
    for (const ReportFormat& format : kFormats)
        known += (known.empty() ? "" : ", ") + std::string(format.name);
    return known;
}

}  // namespace

std::span<const ReportFormat> report_formats() {
    return kFormats;
}

Result<const ReportFormat*> choose_report(std::string_view name) {
    const auto found = std::ranges::find(kFormats, name, &ReportFormat::name);
    if (found != kFormats.end()) return &*found;
    return fail("there is no report '" + printable(name) + "'", "known reports: " + names(),
                kExitUsage);
}

Result<const ReportFormat*> report_for_path(std::string_view path) {
    const std::string_view file = path.substr(path.rfind('/') + 1);
    if (path == "-" || file.find('.') == std::string_view::npos) return choose_report("text");
    for (const ReportFormat& format : kFormats)
        if (!format.extension.empty() && file.ends_with(format.extension)) return &format;
    return fail("no report has the extension of " + printable(path),
                "choose one with --format: " + names(), kExitUsage);
}

}  // namespace pyebpf::compare
