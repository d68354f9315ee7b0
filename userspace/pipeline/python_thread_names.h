// SPDX-License-Identifier: Apache-2.0
// The names that threading.Thread objects have. Up to Python 3.13 the kernel knows nothing of them
// (from 3.14 on they are the threads' names for the kernel too). The object is the `self` of the
// thread's outermost frame, Thread._bootstrap(); its name is an attribute. Release builds of 2.7
// and 3.6 to 3.13 only; whatever does not look right has no name.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "bpf/abi/python_layout.h"
#include "python/live_reader.h"

namespace pyebpf::pipeline {

class ThreadNameReader {
  public:
    // code and frame: of the outermost Python frame. "" if it is not known; foreign text.
    [[nodiscard]] std::string read(uint32_t pid, const python_layout& layout, uint64_t code,
                                   uint64_t frame);
    // Of the thread whose PyThreadState is at this address.
    [[nodiscard]] std::string read_of_state(uint32_t pid, const python_layout& layout,
                                            uint64_t thread_state);

  private:
    struct Process {
        std::unordered_map<uint64_t, bool> bootstraps;  // code objects: is it Thread._bootstrap()?
    };
    std::unordered_map<uint32_t, Process> processes_;  // by pid
};

}  // namespace pyebpf::pipeline
