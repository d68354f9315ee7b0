// SPDX-License-Identifier: Apache-2.0
#include "events/mode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

namespace pyebpf::events {

namespace {

constexpr std::array kModes{
    ModeInfo{Mode::kCpu, "cpu", "time on a CPU", true, false},
    ModeInfo{Mode::kWall, "wall", "all time: on a CPU and waiting", true, true},
    ModeInfo{Mode::kOffCpu, "off-cpu", "time not on a CPU, with its cause", false, true},
    ModeInfo{Mode::kGil, "gil", "all time in which a thread holds the GIL or waits for it", true,
             true},
    ModeInfo{Mode::kException, "exception", "CPU time while an exception is raised or handled",
             true, false},
};

}  // namespace

std::span<const ModeInfo> modes() {
    return kModes;
}

Result<const ModeInfo*> find_mode(std::string_view name) {
    const auto found = std::ranges::find(kModes, name, &ModeInfo::name);
    if (found != kModes.end()) return &*found;
    std::string known;
    for (const ModeInfo& mode : kModes)
        known += fmt::format("{}{}", known.empty() ? "" : ", ", mode.name);
    return fail(fmt::format("there is no mode '{}'", name), "known modes: " + known, kExitUsage);
}

}  // namespace pyebpf::events
