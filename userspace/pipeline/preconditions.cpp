// SPDX-License-Identifier: Apache-2.0
#include "pipeline/preconditions.h"

#include <fmt/format.h>
#include <signal.h>

#include <cerrno>
#include <string>

#include "sys/capabilities.h"
#include "sys/kernel_hazard.h"
#include "sys/kernel_policy.h"
#include "sys/perf_event.h"

namespace pyebpf::pipeline {

namespace {

Result<void> check_frequency(uint64_t frequency_hz) {
    const uint64_t limit = sys::max_sample_rate_hz();
    if (frequency_hz > limit) {
        return fail(fmt::format("a frequency of {} Hz is above the kernel's limit of {} Hz",
                                frequency_hz, limit),
                    "lower it, or raise the sysctl kernel.perf_event_max_sample_rate", kExitUsage);
    }
    return {};
}

Result<void> check_hazard(bool accept) {
    const auto hazard = sys::user_copy_hazard();
    if (!hazard || accept) return {};
    return fail(*hazard,
                "update the kernel, or pass --accept-kernel-hazard if your distribution has fixed "
                "it in this version");
}

Result<void> check_pids(const std::vector<uint32_t>& pids) {
    for (const uint32_t pid : pids) {
        if (pid == 0) return fail("0 is no process id", "-a records the whole machine", kExitUsage);
        if (kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM) continue;
        return fail(fmt::format("there is no process {}", pid),
                    "pyebpf doctor lists the Python processes that run now");
    }
    return {};
}

}  // namespace

Result<void> check_privileges(std::string_view what) {
    const std::vector<std::string> missing = sys::missing_to_record();
    if (missing.empty()) return {};
    return fail(fmt::format("{} needs {}", what, fmt::join(missing, ", ")),
                "run it with sudo, or grant the capabilities to the program (setcap)");
}

Result<void> check_kernel(std::string_view what) {
    if (!sys::has_btf()) {
        return fail(
            "this kernel has no type information (/sys/kernel/btf/vmlinux)",
            fmt::format("{} needs a kernel built with CONFIG_DEBUG_INFO_BTF; pyebpf doctor works "
                        "without",
                        what));
    }
    if (const std::string mode = sys::lockdown_mode(); sys::forbids_kernel_reads(mode)) {
        return fail(fmt::format("the kernel is locked down ({}): BPF may not read memory", mode),
                    fmt::format("{} needs lockdown off or in integrity mode; pyebpf doctor works "
                                "without",
                                what));
    }
    return {};
}

Result<void> check_preconditions(const RecordingNeeds& needs) {
    for (const auto& check : {check_frequency(needs.frequency_hz), check_pids(needs.pids),
                              check_privileges("recording"), check_kernel("recording"),
                              check_hazard(needs.accept_kernel_hazard)}) {
        if (!check) return tl::unexpected(check.error());
    }
    return {};
}

}  // namespace pyebpf::pipeline
