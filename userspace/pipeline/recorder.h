// SPDX-License-Identifier: Apache-2.0
// One recording, from loading the BPF programs to the finished profile.
//
//   process events ──(tracker thread)──> process table ──> publisher ──> kernel side
//   ring of records ──(this thread)──> stack store ──> resolver ──> profile
//
// Before samples are resolved, the process events that are older are taken in: a sample never meets
// a process that is not known yet.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "events/event_source.h"
#include "pipeline/stack_resolver.h"
#include "profile/profile.h"

namespace pyebpf::pipeline {

struct RecorderOptions {
    std::vector<uint32_t> pids;        // empty with an empty command: the whole machine
    std::vector<std::string> command;  // started by the recorder
    bool follow_children = true;
    const events::EventSource* source = &events::sources().front();  // cpu-clock
    uint64_t frequency_hz = 99;
    bool kernel_frames = true;
    NativeFrames native_frames = NativeFrames::kExtensions;
    bool accept_kernel_hazard = false;  // see sys/kernel_hazard.h
};

// What a status line shows.
struct RecorderStatus {
    double elapsed_seconds = 0;
    uint64_t samples = 0;
    uint64_t lost = 0;
    uint64_t processes = 0;         // with samples
    uint64_t python_processes = 0;  // found
};

class Recorder {
  public:
    // Everything that can fail for lack of rights or features fails here, before anything is
    // sampled.
    [[nodiscard]] static Result<std::unique_ptr<Recorder>> open(const RecorderOptions& options);
    ~Recorder();

    // Starts sampling, and the command if there is one.
    [[nodiscard]] Result<void> start();
    // Takes in what has happened for up to timeout_ms. False when all targets have ended.
    [[nodiscard]] bool pump(int timeout_ms);
    void stop();
    [[nodiscard]] RecorderStatus status() const;
    // Exit status of the command; waits for it.
    [[nodiscard]] int wait_for_command();
    void signal_command(int signal);
    // The finished profile, after stop(). Call once.
    [[nodiscard]] profile::Profile finish();

  private:
    Recorder();
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace pyebpf::pipeline
