// SPDX-License-Identifier: Apache-2.0
// Frames that differ only by their current line, or by being inlined, are one function.
#pragma once

#include <cstdint>
#include <vector>

#include "profile/profile.h"

namespace pyebpf::output {

struct FunctionIndex {
    std::vector<uint32_t> of_frame;         // index into functions, by frame id
    std::vector<profile::Frame> functions;  // in order of first appearance; without current line,
                                            // not inlined
};

[[nodiscard]] FunctionIndex index_functions(const profile::Profile& profile);

}  // namespace pyebpf::output
