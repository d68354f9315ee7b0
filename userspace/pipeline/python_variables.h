// SPDX-License-Identifier: Apache-2.0
// The arguments and local variables of a Python frame, as short texts: values of None, bool, int,
// float, str and bytes; of anything else the type and the address. Reads the memory of a live
// process and runs nothing in it. What does not look right is left out.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "bpf/abi/python_layout.h"
#include "python/live_reader.h"

namespace pyebpf::pipeline {

// Foreign texts: to be escaped where they are shown.
struct Variable {
    std::string name;
    std::string value;
};

// Keeps the names of code objects and types that it has met.
class VariableReader {
  public:
    // Those that are bound, arguments first; at most kMaxVariables.
    static constexpr size_t kMaxVariables = 64;
    [[nodiscard]] std::vector<Variable> read(uint32_t pid, const python_layout& layout,
                                             uint64_t code, uint64_t frame);

  private:
    struct Process {
        std::unordered_map<uint64_t, std::vector<std::string>> names;  // by code object
        std::unordered_map<uint64_t, std::string> types;               // by type object
    };
    std::unordered_map<uint32_t, Process> processes_;  // by pid
};

// The text of one value; "" if it cannot be read. Exposed for tests.
[[nodiscard]] std::string describe_value(const python::ReadMemory& read,
                                         const python_layout& layout, std::string_view type,
                                         uint64_t object);

}  // namespace pyebpf::pipeline
