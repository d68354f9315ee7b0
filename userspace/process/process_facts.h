// SPDX-License-Identifier: Apache-2.0
// An instance in the words of the neutral model.
#pragma once

#include "process/process_table.h"
#include "profile/profile.h"

namespace pyebpf::process {

// All of profile::Process but `python`. Adds the container to the profile if it is new there.
[[nodiscard]] profile::Process describe(const Instance& instance, profile::Profile& profile);

}  // namespace pyebpf::process
