// SPDX-License-Identifier: Apache-2.0
// The memory of a live process, for the readers of userspace/python.
#pragma once

#include "python/live_reader.h"
#include "sys/proc.h"

namespace pyebpf::pipeline {

[[nodiscard]] inline python::ReadMemory memory_of(uint32_t pid) {
    return [pid](uint64_t address, void* to, size_t bytes) {
        return sys::read_memory(pid, address, to, bytes);
    };
}

}  // namespace pyebpf::pipeline
