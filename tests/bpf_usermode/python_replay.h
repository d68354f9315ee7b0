// SPDX-License-Identifier: Apache-2.0
// Walks the Python frames of a thread in some memory, defines its code objects, and names the
// frames as the recorder does: definitions go through the stack store, offsets through the line
// table.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "tests/bpf_usermode/process_image.h"
#include "tests/bpf_usermode/surroundings.h"
#include "walkers/walkers.h"

namespace pyebpf::test {

struct Definition {
    code_definition outcome = CODE_UNREADABLE;
    std::vector<uint8_t> record;  // with its texts; empty unless CODE_DEFINED
    bool operator==(const Definition&) const = default;
};

struct PythonReplay {
    uint32_t outcome = 0;              // enum python_outcome
    std::vector<python_frame> links;   // leaf first, boundaries included
    std::vector<uint64_t> frames;      // word0 and word1 of the links that are frames, in turn
    std::vector<uint64_t> boundaries;  // addresses
    std::map<uint64_t, Definition> definitions;  // by code object
    std::vector<ImageFrame>
        named;  // of the frames; trampolines of specialized class calls left out
    uint64_t reads = 0;
    uint64_t read_faults = 0;  // as counted by the walkers
    uint64_t hash = 0;
};

[[nodiscard]] PythonReplay replay_python(const python_thread& thread, Memory& memory,
                                         std::optional<uint64_t> failing_read = std::nullopt);

}  // namespace pyebpf::test
