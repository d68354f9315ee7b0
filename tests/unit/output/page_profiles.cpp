// SPDX-License-Identifier: Apache-2.0
#include "page_profiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "synthetic_profile.h"

namespace pyebpf::output::test {

using profile::Container;
using profile::ContainerId;
using profile::FrameId;
using profile::Profile;
using profile::ThreadId;
using profile::ThreadState;

namespace {

constexpr std::string_view kPoolFile = "/srv/pool/work.py";
constexpr std::string_view kPoolSource =
    "import json\n"
    "\n"
    "def crunch(rows):\n"
    "    total = 0\n"
    "    for row in rows:\n"
    "        total += row * row\n"
    "    return total\n"
    "\n"
    "def walk(node):\n"
    "    return 1 + sum(walk(child) for child in node)\n";

void run(ProfileBuilder& b, ThreadId thread, const std::vector<FrameId>& stack, uint64_t first_tick,
         uint64_t ticks, uint16_t cpu, ThreadState state = ThreadState::kRunning) {
    const size_t begin = b.profile().samples.size();
    b.add(thread, stack, ticks);
    auto& samples = b.profile().samples;
    for (size_t i = begin; i < samples.size(); i++) {
        samples[i].time_ns = b.profile().start_ns + (first_tick + i - begin + 1) * kPeriodNs;
        samples[i].cpu = cpu;
        samples[i].state = state;
        if (state == ThreadState::kRunning) samples[i].flags = profile::kHoldsGil;
    }
}

Profile finished(ProfileBuilder& b) {
    auto& samples = b.profile().samples;
    std::ranges::stable_sort(samples, {}, &profile::Sample::time_ns);
    const uint64_t end = samples.back().time_ns;
    Profile result = b.take();
    result.end_ns = end;
    return result;
}

Profile job(uint64_t parse_ticks, std::string_view other, uint32_t lines_above) {
    ProfileBuilder b;
    const ThreadId thread = b.thread(77, "report.py", 77, "report.py", "3.13.5");
    const FrameId main = b.python("main", "/srv/report.py", 40 + lines_above);
    run(b, thread, {main, b.python("parse", "/srv/report.py", 10 + lines_above)}, 0, parse_ticks,
        0);
    run(b, thread, {main, b.python("render", "/srv/report.py", 20 + lines_above)}, parse_ticks, 50,
        0);
    run(b, thread, {main, b.python(other, "/srv/report.py", 30 + lines_above)}, parse_ticks + 50,
        20, 0);
    return finished(b);
}

}  // namespace

Profile pool_profile() {
    ProfileBuilder b;
    const FrameId module = b.python("<module>", "/srv/pool/main.py", 1, 12);
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t pid = 500 + i;
        const std::string name = fmt::format("pool-{}", i);
        const ThreadId main = b.thread(pid, name, pid, name, "3.13.5");
        const ThreadId helper = b.thread(pid, name, pid + 100, "helper", "3.13.5");
        const auto cpu = static_cast<uint16_t>(i % 2);
        const uint64_t turn = 60ULL * (i / 2);
        run(b, main,
            {module, b.python("_find_and_load", "<frozen importlib._bootstrap>", 1349),
             b.python("exec_module", "<frozen importlib._bootstrap_external>", 1021),
             b.python("<module>", kPoolFile, 1, 1)},
            turn, 5, cpu);
        run(b, main, {module, b.python("crunch", kPoolFile, 3, 5)}, turn + 5, 10 + i, cpu);
        run(b, main, {module, b.python("crunch", kPoolFile, 3, 6)}, turn + 15 + i, 20, cpu);
        std::vector<FrameId> deep{module};
        for (int depth = 0; depth < 6; depth++) deep.push_back(b.python("walk", kPoolFile, 9, 10));
        run(b, main, deep, turn + 35 + i, 15, cpu);
        run(b, helper, {b.native("start_thread", "libc.so.6"), b.native("take_gil", "libpython")},
            turn + 5, 40, cpu, ThreadState::kGil);
        run(b, helper, {b.native("start_thread", "libc.so.6"), b.native("zip", "libz.so.1")},
            turn + 45, 10, static_cast<uint16_t>(1 - cpu));
    }
    auto& profile = b.profile();
    profile.containers.push_back(Container{.id = profile.strings.intern("4f1d0c2ab3"),
                                           .name = profile.strings.intern("web"),
                                           .runtime = profile.strings.intern("docker"),
                                           .image = profile.strings.intern("shop:1.2")});
    for (size_t i = 0; i < 2; i++) profile.processes[i].container = ContainerId{0};
    profile.modules.push_back({.name = profile.strings.intern("libz.so.1"),
                               .path = profile.strings.intern("/usr/lib/libz.so.1"),
                               .build_id = profile.strings.intern("00112233445566778899")});
    profile.source_texts[profile.strings.intern(kPoolFile)] = std::string(kPoolSource);
    b.add_statistic("ring_lost", "samples lost because the ring buffer was full", 0, true);
    return finished(b);
}

Profile job_before() {
    return job(30, "audit", 0);
}

Profile job_after() {
    return job(90, "cache", 7);
}

}  // namespace pyebpf::output::test
