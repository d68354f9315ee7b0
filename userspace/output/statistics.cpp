// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "output/format.h"
#include "output/function_totals.h"
#include "output/names.h"
#include "output/summary.h"
#include "output/ticks.h"

namespace pyebpf::output {

namespace {

using nlohmann::ordered_json;
using profile::Frame;
using profile::Profile;

constexpr int kStatisticsVersion =
    1;  // grows when a key changes its meaning or goes; new keys may come at any time
constexpr size_t kTopFunctions = 50;

ordered_json sources_json(const Profile& profile) {
    std::vector<uint64_t> samples(profile.sources.size());
    std::vector<uint64_t> weights(profile.sources.size());
    for (const auto& sample : profile.samples) {
        if (sample.source >= samples.size()) continue;
        samples[sample.source]++;
        weights[sample.source] += sample.weight;
    }
    auto result = ordered_json::array();
    for (size_t i = 0; i < profile.sources.size(); i++) {
        const auto& source = profile.sources[i];
        result.push_back({{"name", printable(source.name)},
                          {"unit", printable(source.unit)},
                          {"period", source.period},
                          {"frequency_hz", source.frequency_hz},
                          {"samples", samples[i]},
                          {"weight", weights[i]}});
    }
    return result;
}

ordered_json processes_json(const Profile& profile) {
    std::vector<uint64_t> samples(profile.processes.size());
    std::vector<uint64_t> threads(profile.processes.size());
    std::vector<double> amounts(profile.processes.size());
    std::vector<bool> has_samples(profile.threads.size());
    for (const auto& sample : profile.samples) {
        if (sample.thread.value >= profile.threads.size()) continue;
        const uint32_t process = profile.threads[sample.thread.value].process.value;
        if (process >= profile.processes.size()) continue;
        samples[process]++;
        amounts[process] += ticks(profile, sample);
        if (!has_samples[sample.thread.value]) threads[process]++;
        has_samples[sample.thread.value] = true;
    }
    auto result = ordered_json::array();
    for (size_t i = 0; i < profile.processes.size(); i++) {
        const auto& process = profile.processes[i];
        result.push_back({{"pid", process.pid},
                          {"name", name_text(profile.text(process.name))},
                          {"command", printable(profile.text(process.command))},
                          {"executable", name_text(profile.text(process.executable))},
                          {"python", printable(profile.text(process.python))},
                          {"container", name_text(profile.container_text(process))},
                          {"samples", samples[i]},
                          {"ticks", amounts[i]},
                          {"threads", threads[i]}});
    }
    return result;
}

ordered_json functions_json(const Profile& profile, const std::vector<FunctionTotal>& functions) {
    auto result = ordered_json::array();
    for (const FunctionTotal& row : functions) {
        const Frame& function = row.function;
        result.push_back({{"function", name_text(profile.text(function.function))},
                          {"file", name_text(profile.text(function.file))},
                          {"line", function.first_line},
                          {"module", name_text(profile.text(function.module))},
                          {"kind", kind_name(function.kind)},
                          {"self", row.self},
                          {"total", row.total}});
    }
    return result;
}

}  // namespace

void write_statistics(const Profile& profile, Sink& sink) {
    const FunctionTotals totals = function_totals(profile);
    auto settings = ordered_json::object();
    for (const auto& [key, value] : profile.settings) settings[printable(key)] = printable(value);
    auto statistics = ordered_json::object();
    for (const auto& statistic : profile.statistics) {
        statistics[printable(statistic.name)] = {{"value", statistic.value},
                                                 {"loss", statistic.loss},
                                                 {"text", printable(statistic.text)}};
    }
    const ordered_json document = {
        {"version", kStatisticsVersion},
        {"start_unix_ns", profile.start_unix_ns},
        {"duration_seconds", profile.duration_seconds()},
        {"samples", profile.samples.size()},
        {"ticks", totals.ticks},
        {"complete", std::ranges::none_of(profile.statistics,
                                          [](const auto& s) { return s.loss && s.value != 0; })},
        {"settings", settings},
        {"statistics", statistics},
        {"sources", sources_json(profile)},
        {"processes", processes_json(profile)},
        {"top_by_self", functions_json(profile, totals.top_by_self(profile, kTopFunctions))},
        {"top_by_total", functions_json(profile, totals.top_by_total(profile, kTopFunctions))},
    };
    sink.write(document.dump(2));
    sink.write("\n");
}

namespace {

Result<void> write_json(const Profile& profile, const FormatOptions&, Sink& sink) {
    write_statistics(profile, sink);
    return {};
}

constexpr std::array<std::string_view, 1> kStatisticsExtensions{".json"};

}  // namespace

extern constinit const Format kJson{
    .name = "json",
    .extensions = kStatisticsExtensions,
    .description = "JSON summary: totals, losses, processes, largest functions",
    .write = write_json,
};

}  // namespace pyebpf::output
