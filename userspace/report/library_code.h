// SPDX-License-Identifier: Apache-2.0
// Tells the application's own Python code from that of libraries: what is not the user's to change.
#pragma once

#include "profile/profile.h"

namespace pyebpf::report {

// Native, interpreter and kernel code; Python below site-packages, dist-packages or the standard
// library; frozen modules.
[[nodiscard]] bool is_library_code(const profile::Profile& profile, const profile::Frame& frame);

}  // namespace pyebpf::report
