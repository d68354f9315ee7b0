// SPDX-License-Identifier: Apache-2.0
// What a recording asks of the time of its threads: `--mode`.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace pyebpf::events {

enum class Mode { kCpu, kWall, kOffCpu, kGil, kException };

struct ModeInfo {
    Mode mode = Mode::kCpu;
    std::string_view name;         // for --mode, and of the source in a profile
    std::string_view description;  // one line
    bool ticks = true;             // samples of running threads
    bool waits = false;            // samples of waiting threads
};

[[nodiscard]] std::span<const ModeInfo> modes();
// Errors list the known names, exit code kExitUsage.
[[nodiscard]] Result<const ModeInfo*> find_mode(std::string_view name);

}  // namespace pyebpf::events
