// SPDX-License-Identifier: Apache-2.0
#include "app/flight_recorder.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "base/unnamed_file.h"
#include "profile/combine.h"
#include "profile/filter.h"
#include "record/reader.h"

namespace pyebpf::app {

namespace {

constexpr const char* kName = "the recording in memory";
// Pieces that the time that is kept is made of. More: less is kept beyond it; fewer: less is
// written twice, as every piece has all names.
constexpr double kPieces = 4;
constexpr double kShortestPiece = 1;  // seconds

}  // namespace

Result<FlightRecorder> FlightRecorder::open(double seconds) {
    FlightRecorder recorder(seconds);
    if (auto added = recorder.add_piece(0); !added) return tl::unexpected(added.error());
    return recorder;
}

Result<void> FlightRecorder::add_piece(uint64_t now_ns) {
    auto file = open_unnamed_file();
    if (!file) return tl::unexpected(file.error());
    auto sink = std::make_unique<FdSink>(file->get(), kName);
    pieces_.push_back({std::move(*file), std::move(sink), now_ns});
    return {};
}

Result<void> FlightRecorder::begin_piece(pipeline::Recorder& recorder, uint64_t now_ns) {
    if (auto added = add_piece(now_ns); !added) return added;
    return recorder.continue_in(*pieces_.back().sink);
}

Result<void> FlightRecorder::advance(pipeline::Recorder& recorder, uint64_t now_ns) {
    if (std::isinf(seconds_)) return {};
    if (pieces_.back().start_ns == 0) pieces_.back().start_ns = now_ns;
    const auto piece_ns = static_cast<uint64_t>(std::max(seconds_ / kPieces, kShortestPiece) * 1e9);
    if (now_ns - pieces_.back().start_ns < piece_ns) return {};
    if (auto begun = begin_piece(recorder, now_ns); !begun) return begun;
    // A piece ends where the next one begins.
    const auto kept_ns = static_cast<uint64_t>(seconds_ * 1e9);
    while (pieces_.size() > 1 && now_ns - pieces_[1].start_ns > kept_ns) pieces_.pop_front();
    return {};
}

Result<void> FlightRecorder::keep_all(pipeline::Recorder& recorder, uint64_t now_ns) {
    if (auto begun = begin_piece(recorder, now_ns); !begun) return begun;
    pieces_.erase(pieces_.begin(), pieces_.end() - 1);
    seconds_ = std::numeric_limits<double>::infinity();
    kept_from_ns_ = now_ns;
    return {};
}

Result<profile::Profile> FlightRecorder::take(pipeline::Recorder& recorder, uint64_t now_ns) {
    if (auto begun = begin_piece(recorder, now_ns); !begun) return tl::unexpected(begun.error());
    return read(pieces_.size() - 1);
}

Result<profile::Profile> FlightRecorder::read(size_t count) const {
    std::vector<profile::Profile> pieces;
    for (size_t i = 0; i < count; ++i) {
        const int file = pieces_[i].file.get();
        ::lseek(file, 0, SEEK_SET);
        auto piece = record::read(file, kName);
        if (!piece) return piece;
        pieces.push_back(std::move(*piece));
    }
    auto whole = profile::combined_pieces(std::move(pieces));
    if (!whole) return whole;
    const double from_ns = std::isinf(seconds_)
                               ? static_cast<double>(kept_from_ns_)
                               : static_cast<double>(whole->end_ns) - seconds_ * 1e9;
    const double later_ns = from_ns - static_cast<double>(whole->start_ns);
    if (later_ns <= 0) return whole;
    return profile::filtered(std::move(*whole), {.from_seconds = later_ns * 1e-9});
}

}  // namespace pyebpf::app
