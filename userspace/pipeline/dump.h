// SPDX-License-Identifier: Apache-2.0
// The stacks of all threads of some processes, now, without stopping them.
//
//   look (task iterator) ──> walk what does not run ──> look again ──> the same? it is true
//                                                                      moved? walk it again
//   what runs all the time ──> a short burst of samples (pipeline/recorder.h)
//
// A thread that did not run between two looks has the stack that was walked between them: it cannot
// have moved. A thread that runs has its stack taken by the kernel, as recordings do. What is still
// not certain after some rounds is marked as torn.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "pipeline/cgroup_targets.h"
#include "pipeline/python_variables.h"
#include "pipeline/stack_resolver.h"
#include "process/containers.h"
#include "profile/profile.h"

namespace pyebpf::pipeline {

struct DumpOptions {
    std::vector<uint32_t> pids;
    CgroupTargetOptions cgroups;  // with pids: these are the containers' own
    NativeFrames native_frames = NativeFrames::kExtensions;
    bool variables = false;  // arguments and locals of Python frames
    bool runtime_sockets = false;
    bool without_iterator = false;  // as on a kernel that has none
};

// Texts are foreign: to be escaped where they are shown.
struct DumpedFrame {
    profile::FrameKind kind = profile::FrameKind::kNative;
    bool inlined = false;
    std::string function;
    std::string file;
    std::string module;
    uint32_t line = 0;  // 0: not known
    std::vector<Variable> variables;
};

struct DumpedThread {
    uint32_t tid = 0;
    std::string name;         // as the kernel knows it
    std::string python_name;  // of its threading.Thread; empty: not known
    profile::ThreadState state = profile::ThreadState::kOther;
    uint8_t flags = 0;        // profile::SampleFlag
    bool is_torn = false;     // it ran while its stack was read: frames may be of different moments
    bool is_sampled = false;  // by the burst
    std::vector<DumpedFrame> frames;  // leaf first
    std::string no_frames;            // why there are none
};

struct DumpedProcess {
    uint32_t pid = 0;
    uint32_t namespace_pid = 0;  // 0: not known
    std::string command;
    std::string executable;
    std::string python;  // version; empty: none that is known
    process::ContainerFacts container;
    uint32_t threads_not_seen = 0;  // without the iterator: those that did not run
    std::vector<DumpedThread> threads;
};

struct Dump {
    std::vector<DumpedProcess> processes;
    std::string no_iterator;  // why the kernel could not list the threads; empty: it did
    double look_seconds = 0;  // from the first look at the threads to the last
};

// Fails if a process is not there or the rights for it are not.
[[nodiscard]] Result<Dump> take_dump(const DumpOptions& options);

// It waits for something to do: not for a CPU, the GIL, the disk or memory.
[[nodiscard]] bool is_idle(profile::ThreadState state);

}  // namespace pyebpf::pipeline
