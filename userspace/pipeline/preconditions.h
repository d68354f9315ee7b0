// SPDX-License-Identifier: Apache-2.0
// What must hold before a recording can begin: each check names what is missing and what to do.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"

namespace pyebpf::pipeline {

struct RecordingNeeds {
    uint64_t frequency_hz = 0;
    std::vector<uint32_t> pids;         // of this machine's processes, not of a container's
    bool accept_kernel_hazard = false;  // see sys/kernel_hazard.h
};

[[nodiscard]] Result<void> check_preconditions(const RecordingNeeds& needs);

}  // namespace pyebpf::pipeline
