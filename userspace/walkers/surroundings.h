// SPDX-License-Identifier: Apache-2.0
// What the walkers see instead of a kernel (bpf/platform_host.h): the memory of a target, code
// ranges and unwind tables, counters.
#pragma once

#include <cstdint>

#include "bpf/abi/counters.h"
#include "bpf/abi/unwind.h"

namespace pyebpf::walkers {

// In force in its thread while it lives; one at a time, as the kernel's helpers have no argument
// for it.
class Surroundings {
  public:
    Surroundings();
    virtual ~Surroundings();
    Surroundings(const Surroundings&) = delete;
    Surroundings& operator=(const Surroundings&) = delete;

    // False unless all bytes could be read; `to` may then hold anything.
    [[nodiscard]] virtual bool read(uint64_t address, void* to, uint32_t bytes) = 0;
    virtual void count(kernel_counter which) = 0;
    // Null where there is none.
    [[nodiscard]] virtual const code_range* range(uint32_t index) const = 0;
    [[nodiscard]] virtual const uint32_t* slab_words(uint32_t slab) const = 0;

    [[nodiscard]] static Surroundings& current();
};

}  // namespace pyebpf::walkers
