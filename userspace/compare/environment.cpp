// SPDX-License-Identifier: Apache-2.0
#include "compare/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/escape.h"
#include "output/ticks.h"

namespace pyebpf::compare {

namespace {

constexpr double kMostLossPercent = 10;
constexpr double kNotableLossPercent = 1;
constexpr double kLeastTicks = 50;

constexpr const char* kSource = "source";
// Facts that change the cost of the same code. Others are shown only.
constexpr std::array kMatter{"machine", "cpu_model", "cpus",          "cpu_governor",
                             "kernel",  "python",    "pyebpf_version"};

std::string source_text(const profile::Profile& profile) {
    if (profile.sources.empty()) return "none";
    const profile::Source& source = profile.sources.front();
    return fmt::format("{} at {} Hz", source.name, source.frequency_hz);
}

// The versions that ran, each once, in order.
std::string pythons(const profile::Profile& profile) {
    std::set<std::string> versions;
    for (const profile::Sample& sample : profile.samples) {
        if (sample.thread.value >= profile.threads.size()) continue;
        const auto process = profile.threads[sample.thread.value].process;
        if (process.value >= profile.processes.size()) continue;
        const std::string_view version = profile.text(profile.processes[process.value].python);
        if (!version.empty()) versions.emplace(version);
    }
    return fmt::format("{}", fmt::join(versions, ", "));
}

}  // namespace

std::string fact(const Environment& environment, const std::string& name,
                 std::string_view if_unknown) {
    const auto found = environment.facts.find(name);
    return found == environment.facts.end() ? std::string(if_unknown) : found->second;
}

double loss_percent(const std::vector<profile::Statistic>& statistics) {
    double lost = 0;
    double all = 0;
    for (const profile::Statistic& statistic : statistics) {
        if (!statistic.name.starts_with("bucket_") || statistic.name == "bucket_idle" ||
            statistic.name == "bucket_filtered" || statistic.name == "bucket_throttled")
            continue;
        all += static_cast<double>(statistic.value);
        if (statistic.name == "bucket_lost" || statistic.name == "bucket_truncated" ||
            statistic.name == "bucket_faulted")
            lost += static_cast<double>(statistic.value);
    }
    return all > 0 ? 100 * lost / all : 0;
}

std::vector<std::string> differing_facts(const Environment& there, const Environment& here) {
    std::vector<std::string> result;
    const auto text = [](const std::string& value) {
        return value.empty() ? std::string("unknown") : printable(value, 200);
    };
    for (const char* name : kMatter) {
        const std::string before = fact(there, name);
        const std::string now = fact(here, name);
        if (before != now)
            result.push_back(fmt::format("{}: {}, here {}", name, text(before), text(now)));
    }
    return result;
}

Environment environment_of(const profile::Profile& profile) {
    Environment environment{.loss_percent = loss_percent(profile.statistics),
                            .is_cut = profile.is_cut};
    for (const char* name : kMatter) {
        const auto found = profile.settings.find(name);
        if (found != profile.settings.end()) environment.facts[name] = printable(found->second);
    }
    environment.facts["python"] = printable(pythons(profile));
    environment.facts[kSource] = printable(source_text(profile));
    for (const profile::Sample& sample : profile.samples)
        environment.ticks += output::ticks(profile, sample);
    return environment;
}

Result<std::vector<std::string>> check_environments(
    const std::vector<NamedEnvironment>& recordings) {
    std::vector<std::string> warnings;
    const NamedEnvironment& first = recordings.front();
    double least_loss = 100;
    double most_loss = 0;
    for (const auto& [name, environment] : recordings) {
        least_loss = std::min(least_loss, environment.loss_percent);
        most_loss = std::max(most_loss, environment.loss_percent);
        if (environment.ticks < kLeastTicks) {
            return fail(fmt::format("{}: {:.0f} samples, which is too few to compare", name,
                                    environment.ticks),
                        "record longer, or with a higher --frequency", kExitCannotMeasure);
        }
        if (environment.loss_percent > kMostLossPercent) {
            return fail(
                fmt::format("{}: {:.1f} % of its samples were lost or unreadable", name,
                            environment.loss_percent),
                fmt::format("`pyebpf record --stats` tells the cause; up to {:.0f} % can be "
                            "compared",
                            kMostLossPercent),
                kExitCannotMeasure);
        }
        if (fact(environment, kSource) != fact(first.environment, kSource)) {
            return fail(fmt::format("{} and {} were recorded differently: {}, {}", first.name, name,
                                    fact(first.environment, kSource), fact(environment, kSource)),
                        "record both with the same --event and --frequency", kExitCannotMeasure);
        }
        if (environment.is_cut)
            warnings.push_back(name + ": the recording was not ended, its end may be missing");
    }
    if (most_loss > kNotableLossPercent)
        warnings.push_back(
            fmt::format("{:.1f} to {:.1f} % of the samples of a recording were lost or unreadable",
                        least_loss, most_loss));
    for (const char* name : kMatter) {
        for (const auto& [recording, environment] : recordings) {
            const std::string before = fact(first.environment, name);
            const std::string here = fact(environment, name);
            if (before == here) continue;
            warnings.push_back(fmt::format("recordings differ in {}: {} ({}), {} ({})", name,
                                           before.empty() ? "unknown" : before, first.name,
                                           here.empty() ? "unknown" : here, recording));
            break;
        }
    }
    return warnings;
}

}  // namespace pyebpf::compare
