// SPDX-License-Identifier: Apache-2.0
// How often a tracepoint or a probe was hit, on the whole machine, without taking samples of it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "events/event_source.h"

namespace pyebpf::events {

class EventCounter {
  public:
    // Of a tracepoint or probe; counts from now until it is destroyed.
    [[nodiscard]] static Result<EventCounter> open(const EventSource& source);

    // Hits since open().
    [[nodiscard]] uint64_t count() const;

  private:
    std::vector<UniqueFd> counters_;  // of each CPU and place
};

}  // namespace pyebpf::events
