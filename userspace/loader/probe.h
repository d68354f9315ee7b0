// SPDX-License-Identifier: Apache-2.0
// What the running kernel can do, found by trying it, never by its version number.
#pragma once

#include <string>
#include <vector>

namespace pyebpf::loader {

struct Probe {
    std::string name;
    bool works = false;
    bool needed = false;  // recording is impossible without it
    std::string detail;
};

// Loads and opens small things, and closes them again. Takes some ten milliseconds. Needs the
// rights of recording.
[[nodiscard]] std::vector<Probe> probe_kernel();

}  // namespace pyebpf::loader
