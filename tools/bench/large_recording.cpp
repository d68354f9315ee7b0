// SPDX-License-Identifier: Apache-2.0
// large_recording [SAMPLES [own|shared]]: writes a recording of so many samples (default
// 10,000,000) to stdout, of 1,000 processes with four threads each and 100,000 stacks of 12 to 43
// frames. Each process has 100 of them as its own, or all processes share all of them. `pyebpf
// report` is to read and aggregate it in 10 seconds and 1 GB.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/sink.h"
#include "profile/profile.h"
#include "record/writer.h"

namespace {

using namespace pyebpf;

constexpr uint64_t kPeriodNs = 1'000'000;
constexpr uint32_t kProcesses = 1000;
constexpr uint32_t kThreadsPerProcess = 4;
constexpr uint32_t kFunctions = 20'000;
constexpr uint32_t kStacksPerProcess = 100;
constexpr uint64_t kSamplesPerBlock = 200'000;

// xorshift64 (Marsaglia, 2003): the same recording each time.
uint64_t next_random() {
    static uint64_t state = 88172645463325252ULL;
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

void add_processes(profile::Profile& profile) {
    for (uint32_t i = 0; i < kProcesses; ++i) {
        profile::Process process;
        process.pid = 1000 + 10 * i;
        process.name = profile.strings.intern(fmt::format("worker-{}", i % 50));
        process.command = profile.strings.intern(fmt::format("python3 worker.py --shard {}", i));
        process.python = profile.strings.intern("3.13.5");
        profile.processes.push_back(process);
        for (uint32_t thread = 0; thread < kThreadsPerProcess; ++thread)
            profile.threads.push_back({profile::ProcessId{i}, process.pid + thread, process.name});
    }
}

std::vector<profile::StackId> add_stacks(profile::Profile& profile) {
    std::vector<profile::FrameId> functions;
    for (uint32_t i = 0; i < kFunctions; ++i) {
        profile::Frame frame;
        frame.kind = profile::FrameKind::kPython;
        frame.first_line = 10 * (i % 200) + 1;
        frame.line = frame.first_line + i % 7;
        frame.function = profile.strings.intern(fmt::format("Class{}.method_{}", i / 20, i));
        frame.file = profile.strings.intern(fmt::format("/srv/app/package/module_{}.py", i / 200));
        functions.push_back(profile.frames.intern(frame));
    }
    std::vector<profile::StackId> stacks;
    for (uint32_t i = 0; i < kProcesses * kStacksPerProcess; ++i) {
        profile::StackId stack;
        const uint64_t depth = 12 + next_random() % 32;
        // Few functions call at the root side, many at the leaf side.
        for (uint64_t level = 0; level < depth; ++level)
            stack = profile.stacks.push(
                stack, functions[next_random() % std::min<uint64_t>(kFunctions, 1ULL << level)]);
        stacks.push_back(stack);
    }
    return stacks;
}

}  // namespace

int main(int argc, char** argv) {
    const uint64_t samples = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000'000;
    const bool shares_stacks = argc > 2 && std::string_view(argv[2]) == "shared";
    FdSink sink(STDOUT_FILENO, "standard output");
    record::Writer writer(sink);
    profile::Profile profile;
    profile.sources.push_back({"cpu-clock", "nanoseconds", kPeriodNs, 1000});
    add_processes(profile);
    const std::vector<profile::StackId> stacks = add_stacks(profile);
    for (uint64_t i = 0; i < samples; ++i) {
        profile::Sample sample;
        sample.time_ns = i * kPeriodNs / 64;
        sample.weight = kPeriodNs;
        const auto thread = static_cast<uint32_t>(next_random() % profile.threads.size());
        sample.thread = profile::ThreadId{thread};
        const uint32_t process = thread / kThreadsPerProcess;
        sample.stack =
            shares_stacks ? stacks[next_random() % stacks.size()]
                          : stacks[process * kStacksPerProcess + next_random() % kStacksPerProcess];
        sample.cpu = static_cast<uint16_t>(i % 64);
        profile.samples.push_back(sample);
        if (profile.samples.size() < kSamplesPerBlock) continue;
        writer.append(profile);
        profile.samples.clear();
    }
    profile.end_ns = samples * kPeriodNs / 64;
    writer.finish(profile);
    const auto written = sink.finish();
    if (!written) {
        (void)std::fprintf(stderr, "large_recording: %s\n", written.error().message.c_str());
        return 1;
    }
    return 0;
}
