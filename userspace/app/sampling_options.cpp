// SPDX-License-Identifier: Apache-2.0
#include "app/sampling_options.h"

#include <fmt/format.h>

#include <cmath>

#include "sys/perf_event.h"

namespace pyebpf::app {

Result<uint64_t> whole_frequency(double frequency_hz) {
    constexpr double kBeyondAnyLimit = 1e9;
    if (!std::isfinite(frequency_hz) || frequency_hz < 1 ||
        frequency_hz != std::floor(frequency_hz)) {
        return fail(fmt::format("a frequency of {} Hz is not possible", frequency_hz),
                    "give a whole number of at least 1, such as 99", kExitUsage);
    }
    if (frequency_hz > kBeyondAnyLimit) {
        return fail(fmt::format("a frequency of {} Hz is above the kernel's limit of {} Hz",
                                frequency_hz, sys::max_sample_rate_hz()),
                    "lower it", kExitUsage);
    }
    return static_cast<uint64_t>(frequency_hz);
}

Result<pipeline::NativeFrames> native_frames(const std::string& which) {
    using pipeline::NativeFrames;
    if (which == "all") return NativeFrames::kAll;
    if (which == "extensions" || which.empty()) return NativeFrames::kExtensions;
    if (which == "none") return NativeFrames::kNone;
    return fail(fmt::format("--native={} is not known", which), "give all, extensions or none",
                kExitUsage);
}

}  // namespace pyebpf::app
