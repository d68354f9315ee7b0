// SPDX-License-Identifier: Apache-2.0
// write_output CASE [FILE]: writes one output of a synthetic profile to stdout, or to FILE.
// The cases with html in their names are for the browser tests, the others have expected/CASE.txt.
#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "output/format.h"
#include "output/output_file.h"
#include "output/page_data.h"
#include "output/summary.h"
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
             write_page_data(test::small_profile(), {}, sink);
             return {};
         }},
        {"html", format_case("html", {}, test::small_profile)},
        {"large_html", format_case("html", {}, [] { return test::large_profile(kLargeNodes); })},
        {"hostile_html", format_case("html", {}, test::hostile_profile)},
    };
}

int report(const Error& error) {
    std::fprintf(stderr, "write_output: %s\n%s\n", error.message.c_str(), error.hint.c_str());
    return error.exit_code;
}

}  // namespace

int main(int argc, char** argv) {
    const auto all = cases();
    const auto found = argc >= 2 ? all.find(argv[1]) : all.end();
    if (found == all.end()) {
        std::fprintf(stderr, "usage: write_output CASE [FILE]; cases:");
        for (const auto& [name, write] : all) std::fprintf(stderr, " %s", name.c_str());
        std::fprintf(stderr, "\n");
        return kExitUsage;
    }
    auto file = OutputFile::open(argc >= 3 ? argv[2] : "-");
    if (!file) return report(file.error());
    if (auto written = found->second(file->sink()); !written) return report(written.error());
    if (auto committed = file->commit(); !committed) return report(committed.error());
    return kExitOk;
}
