// SPDX-License-Identifier: Apache-2.0
// What the running kernel was built with and allows, as far as files tell.
#pragma once

#include <string>

namespace pyebpf::sys {

// Type information of the kernel, which CO-RE programs need.
[[nodiscard]] bool has_btf();

// The active mode in /sys/kernel/security/lockdown ("none [integrity] confidentiality"): "none" if
// there is no such file.
[[nodiscard]] std::string lockdown_mode();
// In this mode BPF programs may not read memory of the kernel (kernel_lockdown(7)).
[[nodiscard]] inline bool forbids_kernel_reads(const std::string& mode) {
    return mode == "confidentiality";
}

}  // namespace pyebpf::sys
