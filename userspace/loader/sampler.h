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
#include "events/event_source.h"
#include "loader/walker_tables.h"

namespace pyebpf::loader {

// What takes samples. A program that is not asked for is not loaded.
struct Programs {
    bool ticks = true;      // perf events
    bool switches = false;  // waits, from switch to switch of the scheduler
    bool tracepoints = false;
    bool probes = false;  // of user code
};

struct SamplerOptions {
    sampler_config settings{};
    Programs programs;
    size_t ring_bytes = 8 << 20;  // a power of two
};

using KernelCounters = std::array<uint64_t, KERNEL_COUNTER_COUNT>;

// The kernel's own accounting of a program (kernel.bpf_stats_enabled must be on).
struct ProgramCost {
    uint64_t runs = 0;
    uint64_t nanoseconds = 0;
    uint64_t verified_instructions = 0;  // 0 before Linux 5.16
};

class Sampler final : public WalkerTables {
  public:
    // Verifies and loads. Errors name what the kernel lacks, with the verifier's last lines.
    [[nodiscard]] static Result<std::unique_ptr<Sampler>> load(const SamplerOptions& options);
    ~Sampler() override;
    Sampler(const Sampler&) = delete;
    Sampler& operator=(const Sampler&) = delete;

    [[nodiscard]] const sampler_config& settings() const { return settings_; }

    // Begins to load, in a thread, what only makes samples more complete (loader/absent_code.h); it
    // takes as long as reading the kernel's type information.
    void load_absent_code();
    // Waits for that, if it was begun.
    void finish_loading() const;

    // Fork, exec and exit keep the table of processes true. Attach before the first process is
    // published.
    [[nodiscard]] Result<void> attach_process_events();
    // Follows the waits of all targets, from start_ns (CLOCK_MONOTONIC) on.
    [[nodiscard]] Result<void> attach_switches(uint64_t start_ns);
    // Runs on_tick at every overflow of the event; takes ownership of the event.
    [[nodiscard]] Result<void> attach_sampling_event(UniqueFd event);
    // Runs the program of a tracepoint or of user probes; does nothing for a perf event.
    [[nodiscard]] Result<void> attach_source(const events::EventSource& source);
    // Stops sampling. What is in the ring stays.
    void detach_sampling_events();
    // The threads that wait now, with the sample of their wait if one was taken. After
    // detach_sampling_events().
    [[nodiscard]] std::vector<watched_thread> waiting_threads() const;

    [[nodiscard]] target_kind target() const override {
        return static_cast<target_kind>(settings_.target);
    }
    [[nodiscard]] Result<uint32_t> add_layout(python_layout layout) override;
    [[nodiscard]] Result<void> put_process(uint32_t tgid, const process_entry& entry) override;
    // TARGET_CGROUPS: what is in the cgroup (v2) with this id, `level` levels below the root, or
    // below it.
    [[nodiscard]] Result<void> watch_cgroup(uint64_t id, uint32_t level);
    void unwatch_cgroup(uint64_t id);
    void put_thread_state(uint32_t tgid, uint64_t thread_pointer, uint64_t address) override;

    // Shared with the kernel.
    [[nodiscard]] std::span<code_range> code_ranges() override;
    // Shared with the kernel. Takes some ms (the kernel waits for RCU).
    [[nodiscard]] Result<Slab> add_slab() override;

    // Hands over all records that are in the ring. Records are valid during the callback. Returns
    // how many.
    size_t drain(const std::function<void(std::span<const uint8_t>)>& callback);
    // Readable when the ring is well filled (settings.wakeup_bytes).
    [[nodiscard]] int ring_fd() const;

    // From now on every stack is sent anew at its next sample. A sample that is being taken may
    // still refer to one that was sent before.
    void forget_sent_stacks();

    [[nodiscard]] KernelCounters counters() const;  // summed over CPUs
    [[nodiscard]] ProgramCost cost() const;         // of all that take samples

  private:
    Sampler();
    struct Kernel;  // libbpf's types
    std::unique_ptr<Kernel> kernel_;
    sampler_config settings_{};
    std::vector<UniqueFd> events_;
    std::vector<std::unique_ptr<void, void (*)(void*)>> slab_mappings_;
    uint32_t layouts_ = 0;
    uint32_t slabs_ = 0;
};

}  // namespace pyebpf::loader
