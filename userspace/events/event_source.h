// SPDX-License-Identifier: Apache-2.0
// What can be sampled: a perf event whose every n-th occurrence takes a sample. Help and messages
// list sources().
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "sys/perf_event.h"

namespace pyebpf::events {

struct EventSource {
    std::string_view name;         // for --event
    std::string_view unit;         // of a sample's weight
    std::string_view description;  // one line
    uint32_t type = 0;             // perf_event_attr.type
    uint64_t config = 0;           // perf_event_attr.config
    bool counts_time = false;      // its unit is ns of CPU time: a frequency is an exact period

    [[nodiscard]] sys::SamplingEvent at_frequency(uint64_t frequency_hz) const;
    // What one sample stands for; 0 if the kernel adapts it.
    [[nodiscard]] uint64_t period(uint64_t frequency_hz) const;
};

[[nodiscard]] std::span<const EventSource> sources();
// Errors list the known names, exit code kExitUsage.
[[nodiscard]] Result<const EventSource*> find_source(std::string_view name);

}  // namespace pyebpf::events
