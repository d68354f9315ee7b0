// SPDX-License-Identifier: Apache-2.0
#include "events/event_source.h"

#include <fmt/format.h>
#include <linux/perf_event.h>

#include <algorithm>
#include <array>
#include <string>

namespace pyebpf::events {

namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;

constexpr std::array kSources{
    EventSource{"cpu-clock", "nanoseconds", "CPU time, by the kernel's timer", PERF_TYPE_SOFTWARE,
                PERF_COUNT_SW_CPU_CLOCK, true},
    EventSource{"cycles", "cycles", "CPU cycles (hardware counter)", PERF_TYPE_HARDWARE,
                PERF_COUNT_HW_CPU_CYCLES},
    EventSource{"instructions", "instructions", "instructions (hardware counter)",
                PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    EventSource{"cache-misses", "misses", "last-level cache misses (hardware counter)",
                PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    EventSource{"branch-misses", "misses", "mispredicted branches (hardware counter)",
                PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
};

}  // namespace

sys::SamplingEvent EventSource::at_frequency(uint64_t frequency_hz) const {
    // A period where it can be: the kernel adapts a frequency by feedback, a period ticks exactly.
    return {.type = type,
            .config = config,
            .period = period(frequency_hz),
            .frequency_hz = counts_time ? 0 : frequency_hz};
}

uint64_t EventSource::period(uint64_t frequency_hz) const {
    return counts_time ? kNsPerSecond / frequency_hz : 0;
}

std::span<const EventSource> sources() {
    return kSources;
}

Result<const EventSource*> find_source(std::string_view name) {
    const auto found = std::ranges::find(kSources, name, &EventSource::name);
    if (found != kSources.end()) return &*found;
    std::string known;
    for (const EventSource& source : kSources)
        known += fmt::format("{}{}", known.empty() ? "" : ", ", source.name);
    return fail(fmt::format("there is no event '{}'", name), "known events: " + known, kExitUsage);
}

}  // namespace pyebpf::events
