// SPDX-License-Identifier: Apache-2.0
// Gives the threads of a recording the names of their threading.Thread: while they live, and soon
// after they were sampled for the first time.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "pipeline/process_publisher.h"
#include "process/process_table.h"
#include "profile/profile.h"

namespace pyebpf::pipeline {

class ThreadNamer {
  public:
    // thread_state: address of its PyThreadState.
    void sampled(profile::ThreadId thread, process::InstanceId instance, uint64_t thread_state);
    // Looks up those that were sampled since the last call and have no name yet.
    void name(const process::ProcessTable& table, const ProcessPublisher& publisher,
              profile::Profile& profile);

  private:
    struct PythonThread {
        process::InstanceId instance;
        uint64_t state = 0;
    };
    std::unordered_map<uint32_t, PythonThread> sampled_;  // by ThreadId
    std::vector<uint8_t> looks_;                          // by ThreadId: how many
};

}  // namespace pyebpf::pipeline
