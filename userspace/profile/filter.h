// SPDX-License-Identifier: Apache-2.0
// filtered(): the part of a profile that a user asks for, as a profile.
//
// Within one criterion any of its values is enough; all criteria that are given have to hold. Names
// are patterns (name_pattern.h). Functions and modules pick whole stacks; `only` takes frames out
// of the stacks and drops samples of which nothing is left. The accounting stays that of the whole
// recording.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "profile/profile.h"

namespace pyebpf::profile {

struct Filter {
    enum class Only : uint8_t {
        kEverything,
        kPython,
        kNative,  // code of the interpreter included
        kKernel,
    };

    double from_seconds = 0;  // since the start of the recording
    double to_seconds = std::numeric_limits<double>::infinity();
    std::vector<uint32_t> pids;
    std::vector<std::string> processes;   // names
    std::vector<std::string> threads;     // names (the system's or Python's) or tids
    std::vector<std::string> containers;  // names, ids or their beginnings, pods, units
    std::vector<std::string> events;      // event sources
    std::vector<std::string> functions;   // anywhere in the stack
    std::vector<std::string> modules;     // modules or source files, anywhere in the stack
    Only only = Only::kEverything;

    bool operator==(const Filter&) const = default;
};

// Linear in samples, stacks and names. Stacks that no sample uses any more are gone.
[[nodiscard]] Profile filtered(Profile profile, const Filter& filter);

}  // namespace pyebpf::profile
