// SPDX-License-Identifier: Apache-2.0
// Collapsed ("folded") stacks: one line per distinct stack, "root;…;leaf count". Described in
// docs/formats/collapsed.md.
#pragma once

#include "output/format.h"

namespace pyebpf::output {

extern const Format kCollapsed;

}  // namespace pyebpf::output
