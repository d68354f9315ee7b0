// SPDX-License-Identifier: Apache-2.0
// The capabilities of this process, by name.
#pragma once

#include <string>
#include <vector>

namespace pyebpf::sys {

// Those of `wanted` (numbers from <linux/capability.h>) that are not effective, as "CAP_BPF".
[[nodiscard]] std::vector<std::string> missing_capabilities(const std::vector<int>& wanted);

// What recording needs: CAP_BPF and CAP_PERFMON (or CAP_SYS_ADMIN for both), CAP_SYS_PTRACE to read
// /proc/PID of others.
[[nodiscard]] std::vector<std::string> missing_to_record();

}  // namespace pyebpf::sys
