// SPDX-License-Identifier: Apache-2.0
// Keeps the last seconds of a recording: it is made in pieces, each a recording of its own in a
// file that nobody sees, and pieces that are too old are dropped.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "base/result.h"
#include "base/sink.h"
#include "base/unique_fd.h"
#include "pipeline/recorder.h"
#include "profile/profile.h"

namespace pyebpf::app {

class FlightRecorder {
  public:
    // seconds: at least that much is kept; infinite: everything.
    [[nodiscard]] static Result<FlightRecorder> open(double seconds);

    // Where the recorder has to write to at first.
    [[nodiscard]] Sink& sink() { return *pieces_.back().sink; }

    // Begins a new piece when it is time, and drops what is too old. Call it after every flush.
    [[nodiscard]] Result<void> advance(pipeline::Recorder& recorder, uint64_t now_ns);
    // What was recorded up to now is dropped; from now on everything is kept.
    [[nodiscard]] Result<void> keep_all(pipeline::Recorder& recorder, uint64_t now_ns);

    // All pieces as one profile, the seconds that were asked for. `recorder` goes on in a new
    // piece.
    [[nodiscard]] Result<profile::Profile> take(pipeline::Recorder& recorder, uint64_t now_ns);
    // The same after the recorder has finished.
    [[nodiscard]] Result<profile::Profile> read() const { return read(pieces_.size()); }

  private:
    struct Piece {
        UniqueFd file;
        std::unique_ptr<FdSink> sink;
        uint64_t start_ns = 0;  // 0: with the recording
    };

    explicit FlightRecorder(double seconds) : seconds_(seconds) {}
    [[nodiscard]] Result<void> add_piece(uint64_t now_ns);
    // Of the first `count` pieces.
    [[nodiscard]] Result<profile::Profile> read(size_t count) const;
    [[nodiscard]] Result<void> begin_piece(pipeline::Recorder& recorder, uint64_t now_ns);

    double seconds_;
    uint64_t kept_from_ns_ = 0;  // 0: from the beginning
    std::deque<Piece> pieces_;   // the last one is being written
};

}  // namespace pyebpf::app
