// SPDX-License-Identifier: Apache-2.0
// The Python processes that run now, from /proc alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pyebpf::pipeline {

struct PythonProcess {
    uint32_t pid = 0;
    std::string version;
    std::string path;     // of the file that the runtime is in
    std::string problem;  // why it cannot be profiled; empty if it can
};

[[nodiscard]] std::vector<PythonProcess> survey_python_processes();

}  // namespace pyebpf::pipeline
