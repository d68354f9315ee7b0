// SPDX-License-Identifier: Apache-2.0
// One recording, from loading the BPF programs to the finished file.
//
//   process events ──(tracker thread)──> process table ──> publisher ──> kernel side
//   ring of records ──(reader thread)──> queue ──(this thread)──> stack store ──> resolver
//   every second: named stacks and samples ──> recording
//
// Before samples are resolved, the process events that are older are taken in: a sample never meets
// a process that is not known yet. What was written is forgotten, so that memory follows what runs
// on the machine, not how long it is recorded.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/sink.h"
#include "events/event_source.h"
#include "events/mode.h"
#include "pipeline/cgroup_targets.h"
#include "pipeline/stack_resolver.h"
#include "profile/profile.h"

namespace pyebpf::pipeline {

struct RecorderOptions {
    // Without pids, cgroups and a command: the whole machine.
    std::vector<uint32_t> pids;
    std::vector<std::string> command;  // started by the recorder
    CgroupTargetOptions cgroups;       // with pids: these are the containers' own
    bool follow_children = true;
    events::EventSource source = events::sources().front();   // cpu-clock
    const events::ModeInfo* mode = &events::modes().front();  // cpu
    uint64_t min_wait_ns = 0;                                 // shorter waits are left out
    uint64_t frequency_hz = 99;
    bool kernel_frames = true;
    NativeFrames native_frames = NativeFrames::kExtensions;
    bool runtime_sockets = false;       // ask container engines for names (process/containers.h)
    bool accept_kernel_hazard = false;  // see sys/kernel_hazard.h
    bool embed_source = false;          // take the source files of Python functions along
    std::shared_ptr<symbolize::Debuginfod> debuginfod;  // null: no server is asked for debug files
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
    // sampled. The recording goes to `sink`, which must outlive the recorder.
    [[nodiscard]] static Result<std::unique_ptr<Recorder>> open(const RecorderOptions& requested,
                                                                Sink& sink);
    ~Recorder();

    // Starts sampling, and the command if there is one.
    [[nodiscard]] Result<void> start();
    // Takes in what has happened for up to timeout_ms. False when all targets have ended.
    [[nodiscard]] bool pump(int timeout_ms);
    // Writes what was sampled since the last call. At least once a second. `look` sees it before it
    // is forgotten: the profile's samples are the new ones.
    using Look = std::function<void(const profile::Profile&)>;
    [[nodiscard]] Result<void> flush(const Look& look = {});
    // Ends the recording that is being written as a whole one, and goes on in another file: from
    // now on the sink is `sink`. Pieces of one recording have the same tables of processes and
    // threads as far as they go, and the statistics since start(): profile::combined_pieces().
    [[nodiscard]] Result<void> continue_in(Sink& sink);
    void stop();
    [[nodiscard]] RecorderStatus status() const;
    // Exit status of the command; waits for it.
    [[nodiscard]] int wait_for_command();
    void signal_command(int signal);
    // After stop(): writes the rest and ends the recording. Call once.
    [[nodiscard]] Result<void> finish();
    // Since start().
    [[nodiscard]] std::vector<profile::Statistic> statistics() const;

  private:
    Recorder();
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace pyebpf::pipeline
