// SPDX-License-Identifier: Apache-2.0
// What can be sampled, as `--event` names it:
//
//   NAME                            a perf event of sources(), every n-th of which takes a sample
//   tracepoint:CATEGORY:NAME        a tracepoint of the kernel
//   uprobe:FILE:SYMBOL[+OFFSET]     an instruction of user code; uretprobe: the return of a
//   function usdt:FILE:[PROVIDER:]PROBE      a probe that a program was built with
//
// One file here for each of the four; a new perf event is one line in perf_event_source.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sys/perf_event.h"

namespace pyebpf::events {

// A place in a file that user code runs.
struct ProbeSite {
    std::string path;           // openable now
    uint64_t offset = 0;        // in the file
    uint64_t semaphore = 0;     // offset in the file of a USDT probe's counter of users; 0: none
    bool single_steps = false;  // the kernel cannot emulate the instruction: each hit traps twice
};

struct EventSource {
    enum class Kind { kPerf, kTracepoint, kProbe };

    std::string name;  // as for --event
    std::string unit;  // of a sample's weight
    std::string description;
    Kind kind = Kind::kPerf;

    // kPerf
    uint32_t type = 0;         // perf_event_attr.type
    uint64_t config = 0;       // perf_event_attr.config
    bool counts_time = false;  // its unit is ns of CPU time: a frequency is an exact period

    // kTracepoint
    std::string category;
    std::string tracepoint;

    // kProbe
    bool at_return = false;
    std::vector<ProbeSite> sites;

    [[nodiscard]] sys::SamplingEvent at_frequency(uint64_t frequency_hz) const;
    // What one sample stands for; 0 if the kernel adapts it.
    [[nodiscard]] uint64_t period(uint64_t frequency_hz) const;
};

// The perf events.
[[nodiscard]] std::span<const EventSource> sources();
// Why this machine cannot sample a perf event; empty if it can.
[[nodiscard]] std::string why_missing(const EventSource& source);

// "CATEGORY:NAME" of all tracepoints. Needs root.
[[nodiscard]] Result<std::vector<std::string>> tracepoints();
// The kernel's number of a tracepoint, as perf_event_open() wants it.
[[nodiscard]] Result<uint64_t> tracepoint_id(const EventSource& source);
// "FILE:PROVIDER:PROBE" of the files with a Python runtime that run now.
[[nodiscard]] std::vector<std::string> python_probes();

// What `--event` names. `pids`: whose files a short file name means first; empty: all processes.
// Errors say why, with the closest names; exit code kExitUsage, or kExitFailure for what this
// machine lacks.
[[nodiscard]] Result<EventSource> find_source(std::string_view name,
                                              std::span<const uint32_t> pids);

// The kinds, each in its own file; `rest` is what follows the first colon.
[[nodiscard]] Result<EventSource> find_perf_event(std::string_view name);
[[nodiscard]] Result<EventSource> find_tracepoint(std::string_view rest);
[[nodiscard]] Result<EventSource> find_user_probe(std::string_view rest, bool at_return,
                                                  std::span<const uint32_t> pids);
[[nodiscard]] Result<EventSource> find_usdt(std::string_view rest, std::span<const uint32_t> pids);

}  // namespace pyebpf::events
