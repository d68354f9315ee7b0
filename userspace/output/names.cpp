// SPDX-License-Identifier: Apache-2.0
#include "output/names.h"

#include <fmt/format.h>

#include <iterator>

namespace pyebpf::output {

using profile::FrameKind;
using profile::Process;
using profile::Profile;
using profile::Thread;
using profile::ThreadId;
using profile::ThreadState;

namespace {

std::string escaped(std::string_view text, std::string_view characters) {
    std::string result;
    for (const char c : text) {
        if (characters.find(c) == std::string_view::npos) {
            result += c;
        } else {
            fmt::format_to(std::back_inserter(result), "\\x{:02x}", static_cast<unsigned char>(c));
        }
    }
    return result;
}

}  // namespace

std::string name_text(std::string_view name) {
    if (name.find('\\') == std::string_view::npos) return printable(name);
    return printable(escaped(name, "\\"));
}

std::string name_text(std::string_view name, std::string_view separators) {
    return escaped(name_text(name), separators);
}

std::string_view kind_name(FrameKind kind) {
    switch (kind) {
        case FrameKind::kPython:
            return "python";
        case FrameKind::kNative:
            return "native";
        case FrameKind::kInterpreter:
            return "interpreter";
        case FrameKind::kKernel:
            return "kernel";
        case FrameKind::kMarker:
            return "marker";
    }
    return "unknown";
}

std::string_view state_name(ThreadState state) {
    switch (state) {
        case ThreadState::kRunning:
            return "running";
        case ThreadState::kRunQueue:
            return "run-queue";
        case ThreadState::kThrottled:
            return "throttled";
        case ThreadState::kGil:
            return "gil";
        case ThreadState::kLock:
            return "lock";
        case ThreadState::kSleep:
            return "sleep";
        case ThreadState::kDisk:
            return "disk";
        case ThreadState::kNetwork:
            return "network";
        case ThreadState::kPipe:
            return "pipe";
        case ThreadState::kChild:
            return "child";
        case ThreadState::kPageFault:
            return "page-fault";
        case ThreadState::kPoll:
            return "poll";
        case ThreadState::kOther:
            return "other";
    }
    return "unknown";
}

ThreadFacts thread_facts(const Profile& profile, ThreadId id) {
    if (id.value >= profile.threads.size()) return {};
    const Thread& thread = profile.threads[id.value];
    ThreadFacts facts{.tid = thread.tid, .thread = profile.text(thread.name)};
    if (thread.python_name.value != 0) facts.thread = profile.text(thread.python_name);
    if (thread.process.value >= profile.processes.size()) return facts;
    const Process& process = profile.processes[thread.process.value];
    facts.pid = process.pid;
    facts.process = profile.text(process.name);
    facts.container = profile.container_text(process);
    facts.python = profile.text(process.python);
    return facts;
}

}  // namespace pyebpf::output
