// SPDX-License-Identifier: Apache-2.0
// Clocks, in nanoseconds.
#pragma once

#include <cstdint>
#include <ctime>

namespace pyebpf::sys {

[[nodiscard]] inline uint64_t clock_ns(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}
// The clock of samples and process events (bpf_ktime_get_ns).
[[nodiscard]] inline uint64_t monotonic_ns() {
    return clock_ns(CLOCK_MONOTONIC);
}
[[nodiscard]] inline uint64_t unix_ns() {
    return clock_ns(CLOCK_REALTIME);
}

}  // namespace pyebpf::sys
