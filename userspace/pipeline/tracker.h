// SPDX-License-Identifier: Apache-2.0
// Follows process events on a thread of its own, so that a new interpreter is known to the kernel
// side within a fraction of a millisecond, whatever the other threads are doing.
#pragma once

#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "process/process_table.h"
#include "sys/perf_event.h"

namespace pyebpf::pipeline {

class Tracker {
  public:
    // Opens the events of every CPU. Nothing is read before start().
    [[nodiscard]] static Result<std::unique_ptr<Tracker>> open(process::ProcessTable& table);
    ~Tracker();

    // Takes in the processes that run, then follows.
    void start();
    // Returns after all events that were there at the call are taken in. From any thread.
    void catch_up();

  private:
    explicit Tracker(process::ProcessTable& table) : table_(table) {}
    void run();

    process::ProcessTable& table_;
    std::mutex drain_mutex_;  // one thread drains at a time
    std::vector<sys::ProcessEventRing> rings_;
    UniqueFd wake_;
    std::thread thread_;
};

}  // namespace pyebpf::pipeline
