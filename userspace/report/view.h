// SPDX-License-Identifier: Apache-2.0
// How a view is shown as text. Views are pure functions of a profile: each has a text() for people
// and a json() for programs.
#pragma once

#include <cstddef>

namespace pyebpf::report {

struct ViewOptions {
    size_t width = 100;  // columns that no line exceeds, at least output::kSmallestWidth
    bool color = false;
};

}  // namespace pyebpf::report
