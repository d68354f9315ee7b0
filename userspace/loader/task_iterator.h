// SPDX-License-Identifier: Apache-2.0
// The threads of some processes as the kernel sees them at one moment: bpf/tasks.bpf.c. Nothing is
// stopped or attached to; a look at a hundred threads takes a fraction of a millisecond.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "bpf/abi/task.h"

namespace pyebpf::loader {

class TaskIterator {
  public:
    // At most MAX_WANTED_PROCESSES. Fails where the kernel has no such iterator (before Linux 5.8),
    // or without the rights for it.
    [[nodiscard]] static Result<std::unique_ptr<TaskIterator>> load(std::span<const uint32_t> pids);
    ~TaskIterator();
    TaskIterator(const TaskIterator&) = delete;
    TaskIterator& operator=(const TaskIterator&) = delete;

    // All threads, in the order of their ids.
    [[nodiscard]] Result<std::vector<task_record>> take() const;

  private:
    TaskIterator();
    struct Kernel;  // libbpf's types
    std::unique_ptr<Kernel> kernel_;
};

}  // namespace pyebpf::loader
