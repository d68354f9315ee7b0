// SPDX-License-Identifier: Apache-2.0
// Kernels on which reading user memory from an interrupt can hang the machine.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pyebpf::sys {

// The upstream version of a kernel as a text such as "6.1.170". Distributions name kernels after
// their interface: Debian's uname -r says "6.1.0-50", its uname -v "Debian 6.1.170-1"; Ubuntu has
// /proc/version_signature, which ends in the upstream version.
[[nodiscard]] std::string upstream_version(std::string_view release, std::string_view version,
                                           std::string_view signature);

// copy_from_user_nofault() called check_object_size(), which may take a lock that the interrupted
// code holds, where CONFIG_HARDENED_USERCOPY is set: since v5.19 (commit 4e140f59d285), fixed in
// v6.4 and in 6.1.36 and 6.3.10 (commit d319f344561d). This is the one place that goes by the
// version: trying it out could hang the machine. upstream: see above; config: the kernel's build
// configuration, empty if not known. The value describes the hazard.
[[nodiscard]] std::optional<std::string> user_copy_hazard(std::string_view upstream,
                                                          std::string_view config);

// Of the running kernel.
[[nodiscard]] std::optional<std::string> user_copy_hazard();

}  // namespace pyebpf::sys
