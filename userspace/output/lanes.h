// SPDX-License-Identifier: Apache-2.0
// The samples of each thread in the order of time, for the formats that show threads side by side.
// A thread with samples of several units has a lane for each of them.
#pragma once

#include <cstdint>
#include <vector>

#include "output/units.h"
#include "profile/profile.h"

namespace pyebpf::output {

struct Lane {
    profile::ThreadId thread;  // may be invalid: samples of a thread that is not known
    uint32_t unit = 0;
    std::vector<uint32_t> samples;  // indices into Profile::samples
    uint64_t weight = 0;
};

// By process, thread and unit.
[[nodiscard]] std::vector<Lane> make_lanes(const profile::Profile& profile, const Units& units);

}  // namespace pyebpf::output
