// SPDX-License-Identifier: Apache-2.0
// write_output CASE [FILE]: writes one output of a synthetic profile to stdout, or to FILE.
// The cases with html in their names are for the browser tests, `recording` is for those of commands; the others have
// expected/CASE.txt.
#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "output/differential_page.h"
#include "output/format.h"
#include "output/output_file.h"
#include "output/page_data.h"
#include "output/summary.h"
#include "page_profiles.h"
#include "page_reader.h"
#include "report_cases.h"
#include "synthetic_profile.h"

namespace {

using namespace pyebpf;
using namespace pyebpf::output;

constexpr uint32_t kLargeNodes = 200'000;

using Case = std::function<Result<void>(Sink&)>;

Case format_case(std::string name, FormatOptions options,
                 std::function<profile::Profile()> profile) {
    return [=](Sink& sink) -> Result<void> {
        const auto format = choose_format(name, "-");
        if (!format) return tl::unexpected<Error>(format.error());
        return (*format)->write(profile(), options, sink);
    };
}

Case summary_case(SummaryOptions options) {
    return [=](Sink& sink) -> Result<void> {
        sink.write(summary(test::small_profile(), options));
        return {};
    };
}

// One line a column or entry: what people can compare.
std::string page_text(const nlohmann::json& data) {
    std::string text;
    for (const auto& [name, part] : data.items()) {
        if (!part.is_structured()) {
            text += name + ": " + part.dump() + "\n";
            continue;
        }
        for (const auto& [key, value] : part.items())
            text += name + "." + key + ": " + value.dump() + "\n";
    }
    return text;
}

std::map<std::string, Case> cases() {
    return {
        {"collapsed", format_case("collapsed", {}, test::small_profile)},
        {"collapsed_lines", format_case("collapsed", {.current_lines = true}, test::small_profile)},
        {"collapsed_threads",
         format_case("collapsed", {.per_process = true, .per_thread = true}, test::small_profile)},
        {"summary", summary_case({})},
        {"summary_narrow", summary_case({.width = 50, .top_functions = 3})},
        {"summary_color", summary_case({.color = true})},
        {"statistics",
         [](Sink& sink) -> Result<void> {
             write_statistics(test::small_profile(), sink);
             return {};
         }},
        {"page_data",
         [](Sink& sink) -> Result<void> {
             StringSink bytes;
             write_page_data(test::small_profile(), {}, bytes);
             sink.write(page_text(test::read_page_data(bytes.text())));
             return {};
         }},
        {"recording", format_case("pyebpf", {}, test::small_profile)},
        {"html", format_case("html", {}, test::small_profile)},
        {"large_html", format_case("html", {}, [] { return test::large_profile(kLargeNodes); })},
        {"hostile_html", format_case("html", {}, test::hostile_profile)},
        {"pool_html", format_case("html", {}, test::pool_profile)},
        {"empty_html", format_case("html", {}, [] { return test::ProfileBuilder().take(); })},
        {"pair_html",
         [](Sink& sink) {
             const std::string file = "/srv/report.py";
             return write_differential_page(
                 test::job_before(), test::job_after(),
                 {.base_name = "before.pyebpf",
                  .head_name = "after.pyebpf",
                  .conclusion = "parse became slower: 30.0 % to 56.2 % of all samples",
                  .verdicts =
                      {{.function = "parse",
                        .file = file,
                        .verdict = Verdict::kSlower,
                        .base = 0.3,
                        .head = 0.5625,
                        .low = 0.15,
                        .high = 0.37,
                        .note = "three times the samples"},
                       {.function = "audit", .file = file, .verdict = Verdict::kVanished, .base = 0.2},
                       {.function = "cache", .file = file, .verdict = Verdict::kAppeared, .head = 0.125},
                       {.function = "render",
                        .file = file,
                        .verdict = Verdict::kUnclear,
                        .base = 0.5,
                        .head = 0.3125,
                        .low = -0.31,
                        .high = 0.01}}},
                 {}, sink);
         }},
    };
}

int fail_with(const Error& error) {
    std::fprintf(stderr, "write_output: %s\n%s\n", error.message.c_str(), error.hint.c_str());
    return error.exit_code;
}

}  // namespace

int main(int argc, char** argv) {
    auto all = cases();
    all.merge(report::test::report_cases());
    const auto found = argc >= 2 ? all.find(argv[1]) : all.end();
    if (found == all.end()) {
        std::fprintf(stderr, "usage: write_output CASE [FILE]; cases:");
        for (const auto& [name, write] : all) std::fprintf(stderr, " %s", name.c_str());
        std::fprintf(stderr, "\n");
        return kExitUsage;
    }
    auto file = OutputFile::open(argc >= 3 ? argv[2] : "-");
    if (!file) return fail_with(file.error());
    if (auto written = found->second(file->sink()); !written) return fail_with(written.error());
    if (auto committed = file->commit(); !committed) return fail_with(committed.error());
    return kExitOk;
}
