// SPDX-License-Identifier: Apache-2.0
// Facts of the machine's CPUs that decide whether two recordings can be compared. Empty where the
// machine does not tell.
#pragma once

#include <string>

namespace pyebpf::sys {

[[nodiscard]] std::string cpu_model();     // "AMD EPYC 7B13"
[[nodiscard]] std::string cpu_governor();  // "performance"

}  // namespace pyebpf::sys
