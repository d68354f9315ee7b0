// SPDX-License-Identifier: Apache-2.0
// perf_event_open(2), in the two forms pyebpf needs: a counter whose overflow runs a BPF program,
// and a "side band" that reports what happens to processes (exec, fork, exit, executable mappings)
// with the kernel's own timestamps and paths.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace pyebpf::sys {

// CPUs that are online now, from /sys/devices/system/cpu/online.
[[nodiscard]] Result<std::vector<int>> online_cpus();

struct SamplingEvent {
    uint32_t type = 0;    // PERF_TYPE_SOFTWARE …
    uint64_t config = 0;  // PERF_COUNT_SW_CPU_CLOCK …
    uint64_t period = 0;  // events between ticks; ns for the clocks. 0: use frequency_hz
    uint64_t frequency_hz = 0;
};

// One disabled counter for everything that runs on `cpu`. Attaching a program enables it.
[[nodiscard]] Result<UniqueFd> open_sampling_event(const SamplingEvent& event, int cpu);

struct CountedEvent {
    uint32_t type = 0;    // PERF_TYPE_TRACEPOINT, or the number of a dynamic PMU
    uint64_t config = 0;  // id of the tracepoint; flags of the PMU
    std::string path;     // uprobe PMU: the file, and the place in it
    uint64_t offset = 0;
};

// An enabled counter of everything that runs on `cpu`, for read_counter(). It takes no samples.
[[nodiscard]] Result<UniqueFd> open_counter(const CountedEvent& event, int cpu);
[[nodiscard]] uint64_t read_counter(const UniqueFd& counter);

// What the side band reports. Texts are valid during the callback only. Times: CLOCK_MONOTONIC, ns.
struct ProcessEvent {
    enum class Kind { kMapping, kName, kExec, kFork, kExit, kLost };
    Kind kind = Kind::kLost;
    uint32_t pid = 0;  // thread group
    uint32_t tid = 0;
    uint32_t parent_pid = 0;  // kFork
    uint64_t time_ns = 0;
    // kMapping: executable mappings only
    uint64_t address = 0;
    uint64_t length = 0;
    uint64_t file_offset = 0;
    uint32_t device_major = 0;
    uint32_t device_minor = 0;
    uint64_t inode = 0;
    std::string_view text;  // kMapping: path as the kernel names it; kName, kExec: the new name
    uint64_t lost = 0;      // kLost: number of events
};

// The side band of one CPU: a ring that the kernel writes. Not thread-safe. Readable (poll) as soon
// as an event is there.
class ProcessEventRing {
  public:
    [[nodiscard]] static Result<ProcessEventRing> open(int cpu, size_t pages);
    ProcessEventRing(ProcessEventRing&& other) noexcept;
    ProcessEventRing& operator=(ProcessEventRing&&) = delete;
    ~ProcessEventRing();

    [[nodiscard]] int fd() const { return event_.get(); }
    // Hands all events that are there to the callback, oldest first.
    void drain(const std::function<void(const ProcessEvent&)>& callback);

  private:
    ProcessEventRing() = default;
    void deliver(std::span<const uint8_t> record,
                 const std::function<void(const ProcessEvent&)>& callback) const;

    UniqueFd event_;
    void* ring_ = nullptr;
    size_t data_bytes_ = 0;
    std::vector<uint8_t> unwrapped_;  // a record that crosses the ring's end
};

// kernel.perf_event_max_sample_rate
[[nodiscard]] uint64_t max_sample_rate_hz();

}  // namespace pyebpf::sys
