// SPDX-License-Identifier: Apache-2.0
// The kernel side of pyebpf: loads the BPF programs, attaches them, and gives typed access to their
// maps. The only place that knows libbpf.
//
//   Sampler::load()
//   ──> publish layouts, processes, code ranges ──> attach_*() ──> drain() … ──> detach
//
// Methods that touch different maps may be called from different threads; drain() from one thread
// at a time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "bpf/abi/config.h"
#include "bpf/abi/counters.h"
#include "bpf/abi/process.h"
#include "bpf/abi/python_layout.h"
#include "bpf/abi/unwind.h"

namespace pyebpf::loader {

struct SamplerOptions {
    sampler_config settings{};
    size_t ring_bytes = 8 << 20;  // a power of two
};

using KernelCounters = std::array<uint64_t, KERNEL_COUNTER_COUNT>;

// The kernel's own accounting of a program (kernel.bpf_stats_enabled must be on).
struct ProgramCost {
    uint64_t runs = 0;
    uint64_t nanoseconds = 0;
    uint64_t verified_instructions = 0;  // 0 before Linux 5.16
};

class Sampler {
  public:
    // Verifies and loads. Errors name what the kernel lacks, with the verifier's last lines.
    [[nodiscard]] static Result<std::unique_ptr<Sampler>> load(const SamplerOptions& options);
    ~Sampler();
    Sampler(const Sampler&) = delete;
    Sampler& operator=(const Sampler&) = delete;

    // Fork, exec and exit keep the table of processes true. Attach before the first process is
    // published.
    [[nodiscard]] Result<void> attach_process_events();
    // Runs on_tick at every overflow of the event; takes ownership of the event.
    [[nodiscard]] Result<void> attach_sampling_event(UniqueFd event);
    // Stops sampling. What is in the ring stays.
    void detach_sampling_events();

    // Returns the index to use as python_process.layout.
    [[nodiscard]] Result<uint32_t> add_layout(python_layout layout);
    [[nodiscard]] Result<void> put_process(uint32_t tgid, const process_entry& entry);
    void remove_process(uint32_t tgid);
    // The PyThreadState at `address` belongs to the thread with this thread pointer.
    void put_thread_state(uint32_t tgid, uint64_t thread_pointer, uint64_t address);

    // The array of all processes' code ranges, shared with the kernel: MAX_CODE_RANGES entries.
    [[nodiscard]] std::span<code_range> code_ranges();
    // A new, zeroed slab for unwind tables, shared with the kernel: UNWIND_SLAB_WORDS words. Takes
    // some ms (the kernel waits for RCU).
    struct Slab {
        uint32_t index = 0;
        std::span<uint32_t> words;
    };
    [[nodiscard]] Result<Slab> add_slab();

    // Hands over all records that are in the ring. Records are valid during the callback. Returns
    // how many.
    size_t drain(const std::function<void(std::span<const uint8_t>)>& callback);
    // Readable when the ring is well filled (settings.wakeup_bytes).
    [[nodiscard]] int ring_fd() const;

    [[nodiscard]] KernelCounters counters() const;  // summed over CPUs
    [[nodiscard]] ProgramCost cost() const;         // of on_tick

  private:
    Sampler();
    struct Kernel;  // libbpf's types
    std::unique_ptr<Kernel> kernel_;
    std::vector<UniqueFd> events_;
    std::vector<std::unique_ptr<void, void (*)(void*)>> slab_mappings_;
    uint32_t layouts_ = 0;
    uint32_t slabs_ = 0;
};

}  // namespace pyebpf::loader
