// SPDX-License-Identifier: Apache-2.0
// Where the walkers look things up: what is published here, they find. In the kernel these are the
// maps of the sampler (loader/sampler.h); walks in user space have them in memory
// (pipeline/local_tables.h). Methods may be called from different threads.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "bpf/abi/config.h"
#include "bpf/abi/process.h"
#include "bpf/abi/python_layout.h"
#include "bpf/abi/unwind.h"

namespace pyebpf::loader {

class WalkerTables {
  public:
    virtual ~WalkerTables() = default;

    // Of what is never sampled, nothing need be published.
    [[nodiscard]] virtual target_kind target() const = 0;
    // Returns the index to use as python_process.layout.
    [[nodiscard]] virtual Result<uint32_t> add_layout(python_layout layout) = 0;
    [[nodiscard]] virtual Result<void> put_process(uint32_t tgid, const process_entry& entry) = 0;
    // The PyThreadState at `address` belongs to the thread with this thread pointer.
    virtual void put_thread_state(uint32_t tgid, uint64_t thread_pointer, uint64_t address) = 0;
    // The array of all processes' code ranges: at most MAX_CODE_RANGES entries.
    [[nodiscard]] virtual std::span<code_range> code_ranges() = 0;
    // A new, zeroed slab for unwind tables: UNWIND_SLAB_WORDS words.
    struct Slab {
        uint32_t index = 0;
        std::span<uint32_t> words;
    };
    [[nodiscard]] virtual Result<Slab> add_slab() = 0;
};

// Of a thread state the walkers read no more than holds the fields that they use.
[[nodiscard]] python_layout with_thread_state_bytes(python_layout layout);

}  // namespace pyebpf::loader
