// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <linux/perf_event.h>

#include <algorithm>
#include <array>

#include "base/closest.h"
#include "events/event_source.h"

namespace pyebpf::events {

namespace {

EventSource software(std::string name, std::string unit, std::string description, uint64_t config) {
    return {.name = std::move(name),
            .unit = std::move(unit),
            .description = std::move(description),
            .type = PERF_TYPE_SOFTWARE,
            .config = config};
}

EventSource hardware(std::string name, std::string unit, std::string description, uint64_t config) {
    EventSource source = software(std::move(name), std::move(unit), std::move(description), config);
    source.type = PERF_TYPE_HARDWARE;
    return source;
}

std::vector<EventSource> make_sources() {
    std::vector<EventSource> sources{
        software("cpu-clock", "nanoseconds", "CPU time, by the kernel's timer",
                 PERF_COUNT_SW_CPU_CLOCK),
        software("page-faults", "faults", "memory touched for the first time, or read from a disk",
                 PERF_COUNT_SW_PAGE_FAULTS),
        software("major-faults", "faults", "memory that had to be read from a disk",
                 PERF_COUNT_SW_PAGE_FAULTS_MAJ),
        software("context-switches", "switches", "threads that left a CPU",
                 PERF_COUNT_SW_CONTEXT_SWITCHES),
        software("cpu-migrations", "migrations", "threads that moved to another CPU",
                 PERF_COUNT_SW_CPU_MIGRATIONS),
        hardware("cycles", "cycles", "CPU cycles (hardware counter)", PERF_COUNT_HW_CPU_CYCLES),
        hardware("instructions", "instructions", "instructions (hardware counter)",
                 PERF_COUNT_HW_INSTRUCTIONS),
        hardware("cache-misses", "misses", "last-level cache misses (hardware counter)",
                 PERF_COUNT_HW_CACHE_MISSES),
        hardware("branch-misses", "misses", "mispredicted branches (hardware counter)",
                 PERF_COUNT_HW_BRANCH_MISSES),
    };
    sources.front().counts_time = true;
    return sources;
}

}  // namespace

std::span<const EventSource> sources() {
    static const std::vector<EventSource> all = make_sources();
    return all;
}

std::string why_missing(const EventSource& source) {
    const auto cpus = sys::online_cpus();
    if (!cpus) return cpus.error().message;
    const auto event = sys::open_sampling_event(source.at_frequency(99), cpus->front());
    if (event) return "";
    return source.type == PERF_TYPE_HARDWARE
               ? event.error().message + " (virtual machines often have no hardware counters)"
               : event.error().message;
}

Result<EventSource> find_perf_event(std::string_view name) {
    const auto found = std::ranges::find(sources(), name, &EventSource::name);
    if (found != sources().end()) return *found;
    std::vector<std::string> names;
    std::string known;
    for (const EventSource& source : sources()) {
        names.push_back(source.name);
        known += (known.empty() ? "" : ", ") + source.name;
    }
    const std::vector<std::string> near = closest(name, names, 1);
    return fail(fmt::format("there is no event '{}'", name),
                near.empty() ? "known events: " + known
                             : fmt::format("did you mean {}? known events: {}", near[0], known),
                kExitUsage);
}

}  // namespace pyebpf::events
