// SPDX-License-Identifier: Apache-2.0
// One line on the terminal's stderr that tells how the recording goes. Where stderr is no terminal,
// nothing is drawn.
#pragma once

#include <cstdint>

#include "pipeline/recorder.h"

namespace pyebpf::app {

class StatusLine {
  public:
    explicit StatusLine(bool enabled);
    ~StatusLine();
    StatusLine(const StatusLine&) = delete;
    StatusLine& operator=(const StatusLine&) = delete;

    // Draws at most five times a second.
    void show(const pipeline::RecorderStatus& status);

  private:
    bool enabled_;
    uint64_t drawn_ns_ = 0;
    uint64_t samples_ = 0;
};

}  // namespace pyebpf::app
