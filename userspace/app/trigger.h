// SPDX-License-Identifier: Apache-2.0
// What a recording waits for (`record --trigger`):
//
//   cpu>80%/10s                         the targets used more than that of one CPU (with -a: of all
//                                       CPUs) for so long
//   SIGUSR1                             this signal was sent to the profiler
//   tracepoint:…, uprobe:…, uretprobe:…, usdt:…   the event happened, anywhere on the machine
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/result.h"
#include "events/event_counter.h"

namespace pyebpf::app {

// "cpu>80%/10s"
struct CpuCondition {
    double percent = 0;
    double seconds = 0;

    [[nodiscard]] static Result<CpuCondition> parse(const std::string& text);
};

// Whether the CPU time of the targets was above a limit for the whole of the last seconds.
class CpuLevel {
  public:
    explicit CpuLevel(const CpuCondition& condition) : condition_(condition) {}
    // cpu_ns: used since some beginning; cpus: what 100 % are. True once when the condition comes
    // to hold; then it must cease to hold first.
    [[nodiscard]] bool rose(uint64_t now_ns, uint64_t cpu_ns, double cpus);

  private:
    CpuCondition condition_;
    std::deque<std::pair<uint64_t, uint64_t>> seen_;  // time, CPU time; the last `seconds`
    bool holds_ = false;
};

class Trigger {
  public:
    // cpus: what 100 % of CPU are. pids: as for events::find_source().
    [[nodiscard]] static Result<Trigger> open(const std::string& text, double cpus,
                                              std::span<const uint32_t> pids);

    // Whether it happened since the last call. cpu_ns: CPU time of the targets so far;
    // is_signalled: SIGUSR1 came.
    [[nodiscard]] bool fired(uint64_t now_ns, uint64_t cpu_ns, bool is_signalled);

  private:
    double cpus_ = 1;
    std::optional<CpuLevel> level_;
    std::optional<events::EventCounter> counter_;
    uint64_t counted_ = 0;
};

}  // namespace pyebpf::app
