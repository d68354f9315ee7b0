// SPDX-License-Identifier: Apache-2.0
// Profiles for the tests of the HTML page.
#pragma once

#include "profile/profile.h"

namespace pyebpf::output::test {

// A pool of four processes of two threads each that take turns on two CPUs, two of them in a
// container; waits, import machinery, recursion, an embedded source file.
[[nodiscard]] profile::Profile pool_profile();

// A job before and after a change: one function slower, one new, one gone, the rest as before.
[[nodiscard]] profile::Profile job_before();
[[nodiscard]] profile::Profile job_after();

}  // namespace pyebpf::output::test
