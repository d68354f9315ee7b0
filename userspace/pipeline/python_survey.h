// SPDX-License-Identifier: Apache-2.0
// The Python processes that run now, from /proc alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "process/binary_cache.h"
#include "process/containers.h"

namespace pyebpf::pipeline {

struct PythonProcess {
    uint32_t pid = 0;
    uint32_t namespace_pid = 0;  // in its own pid namespace; 0: not known
    std::string version;
    std::string path;     // of the file that the runtime is in
    std::string problem;  // why it cannot be profiled; empty if it can
    std::string command;
    process::ContainerFacts container;
    uint32_t threads = 0;
    uint64_t start_ticks = 0;  // with the pid: who it is
    uint64_t cpu_ticks = 0;    // used since it started, in sysconf(_SC_CLK_TCK)
};

// Keeps what it has learned of files and cgroups from one look to the next.
class PythonSurvey {
  public:
    explicit PythonSurvey(bool ask_sockets = false) : containers_(ask_sockets) {}
    [[nodiscard]] std::vector<PythonProcess> take();

  private:
    process::BinaryCache binaries_;
    process::Containers containers_;
};

}  // namespace pyebpf::pipeline
