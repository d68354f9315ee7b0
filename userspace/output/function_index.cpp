// SPDX-License-Identifier: Apache-2.0
#include "output/function_index.h"

namespace pyebpf::output {

FunctionIndex index_functions(const profile::Profile& profile) {
    FunctionIndex index;
    profile::FrameTable distinct;
    index.of_frame.reserve(profile.frames.size());
    for (uint32_t i = 0; i < profile.frames.size(); i++) {
        profile::Frame function = profile.frame(profile::FrameId{i});
        function.line = 0;
        function.inlined = false;
        const profile::FrameId id = distinct.intern(function);
        if (id.value == index.functions.size()) index.functions.push_back(function);
        index.of_frame.push_back(id.value);
    }
    return index;
}

}  // namespace pyebpf::output
