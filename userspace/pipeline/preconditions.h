// SPDX-License-Identifier: Apache-2.0
// What must hold before a recording can begin: each check names what is missing and what to do.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace pyebpf::pipeline {

// The privileges and the kernel that BPF programs need. `what` is what needs them: "recording".
[[nodiscard]] Result<void> check_privileges(std::string_view what);
[[nodiscard]] Result<void> check_kernel(std::string_view what);

struct RecordingNeeds {
    uint64_t frequency_hz = 0;
    std::vector<uint32_t> pids;         // of this machine's processes, not of a container's
    bool accept_kernel_hazard = false;  // see sys/kernel_hazard.h
};

[[nodiscard]] Result<void> check_preconditions(const RecordingNeeds& needs);

}  // namespace pyebpf::pipeline
