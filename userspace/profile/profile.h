// SPDX-License-Identifier: Apache-2.0
// The neutral country between collecting and writing: strings, frames, stacks, threads, processes,
// samples, losses. Nothing here knows BPF, ELF or /proc; every output format is a function of a
// Profile.
//
//   sample ──> stack ──> parent stack ──> … ──> root
//     │          └─ frame ──> function, file, line
//     └─> thread ──> process
//
// Stacks share their root side: a stack is its leaf frame and the stack of its caller.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <tsl/robin_map.h>

#include "base/ids.h"

namespace pyebpf::profile {

using StringId = Id<struct StringTag>;
using FrameId = Id<struct FrameTag>;
using StackId = Id<struct StackTag>;
using ThreadId = Id<struct ThreadTag>;
using ProcessId = Id<struct ProcessTag>;
using ContainerId = Id<struct ContainerTag>;

// Interned strings; ids are dense, id 0 is "". Views stay valid as long as the table.
class StringTable {
  public:
    StringTable() { intern(""); }
    StringId intern(std::string_view text);
    [[nodiscard]] std::string_view operator[](StringId id) const { return texts_[id.value]; }
    [[nodiscard]] size_t size() const { return texts_.size(); }

  private:
    std::deque<std::string> texts_;
    tsl::robin_map<std::string_view, StringId> ids_;
};

// Persisted in recordings: numbers are fixed.
enum class FrameKind : uint8_t {
    kPython = 1,
    kNative = 2,       // C, C++, Rust …: extensions, libraries, programs
    kInterpreter = 3,  // code of the CPython runtime itself
    kKernel = 4,
    kMarker = 5,  // not code: "[truncated: 1,536 frames]"; function holds the text in brackets
};

// What a stack shows at one level. Two frames with equal members are one frame.
struct Frame {
    FrameKind kind = FrameKind::kNative;
    bool inlined = false;  // inlined into its caller (the frame before it toward the root)
    uint32_t line = 0;     // current line; 0: not known
    uint32_t first_line = 0;
    StringId function{0};  // qualified name; "[unknown: reason]" if it has none
    StringId file{0};      // source file; empty if not known
    StringId module{0};    // library, executable or kernel module the code is in; empty for Python

    bool operator==(const Frame&) const = default;
};

class FrameTable {
  public:
    FrameId intern(const Frame& frame);
    [[nodiscard]] const Frame& operator[](FrameId id) const { return frames_[id.value]; }
    [[nodiscard]] size_t size() const { return frames_.size(); }

  private:
    struct Hash {
        size_t operator()(const Frame& frame) const noexcept;
    };
    std::vector<Frame> frames_;
    tsl::robin_map<Frame, FrameId, Hash> ids_;
};

// A tree of stacks. An invalid StackId is the empty stack.
class StackTable {
  public:
    struct Node {
        StackId parent;  // toward the root; invalid at the root
        FrameId frame;
        bool operator==(const Node&) const = default;
    };

    StackId push(StackId parent, FrameId frame);
    [[nodiscard]] const Node& operator[](StackId id) const { return nodes_[id.value]; }
    [[nodiscard]] size_t size() const { return nodes_.size(); }
    // The frames of a stack, root first.
    [[nodiscard]] std::vector<FrameId> frames(StackId id) const;

  private:
    // The slot of a node: the one that has it, or the free one where it would be.
    [[nodiscard]] size_t slot_of(const Node& node) const;
    void grow();

    std::vector<Node> nodes_;
    // A hash table with open addressing. Recordings have millions of stacks: a slot is the id
    // alone.
    std::vector<StackId> slots_;
};

// What a process belongs to: a container, or the systemd unit or plain cgroup it runs in. Empty:
// not known, or there is none.
struct Container {
    StringId id{0};       // as its runtime writes it: 64 hexadecimal digits, or a machine's name
    StringId name{0};     // "web"
    StringId runtime{0};  // "docker", "podman", "containerd", "cri-o", "lxc", "nspawn", …
    StringId image{0};
    StringId pod{0};
    StringId pod_namespace{0};
    StringId unit{0};    // "nginx.service"
    StringId cgroup{0};  // path below the root of the cgroup hierarchy

    bool operator==(const Container&) const = default;
};

struct Process {
    uint32_t pid = 0;  // thread group id in the initial pid namespace
    uint32_t parent_pid = 0;
    uint32_t namespace_pid = 0;  // in its own pid namespace; equals pid outside of containers
    uint64_t start_ns = 0;       // CLOCK_MONOTONIC, 0 if it ran before the recording
    uint64_t end_ns = 0;         // 0 if it still ran
    StringId name{0};            // comm at the end of its run
    StringId command{0};         // command line, arguments joined by spaces
    StringId executable{0};      // path as the process sees it
    StringId python{0};          // "3.13.5", empty if no Python runtime was seen
    ContainerId container;

    bool operator==(const Process&) const = default;
};

struct Thread {
    ProcessId process;
    uint32_t tid = 0;
    StringId name{0};         // comm
    StringId python_name{0};  // threading.Thread.name, where it was asked for

    bool operator==(const Thread&) const = default;
};

// What a thread was doing when it was sampled, or for how long it did not run and why. Persisted in
// recordings: numbers are fixed.
enum class ThreadState : uint8_t {
    kRunning = 0,
    kRunQueue = 1,   // could run, but no CPU was free (preempted, or just woken)
    kThrottled = 2,  // the CPU limit of its cgroup was used up
    kGil = 3,        // waits for the global interpreter lock
    kLock = 4,       // any other lock or condition (futex)
    kSleep = 5,
    kDisk = 6,
    kNetwork = 7,
    kPipe = 8,  // pipes, terminals, eventfds
    kChild = 9,
    kPageFault = 10,
    kPoll = 11,   // select, poll, epoll: readiness of several files
    kOther = 12,  // waits for something else
};
inline constexpr uint8_t kThreadStates = 13;

// Bits of Sample::flags. Persisted in recordings.
enum SampleFlag : uint8_t {
    kHoldsGil = 1 << 0,
    kHandlesException = 1 << 1,  // one is raised, or in an except block
    kCollectsGarbage = 1 << 2,
};

struct Sample {
    uint64_t time_ns = 0;  // CLOCK_MONOTONIC
    uint64_t weight = 0;   // in the unit of its source
    StackId stack;
    ThreadId thread;
    uint16_t cpu = 0;
    uint8_t source = 0;  // index into Profile::sources
    ThreadState state = ThreadState::kRunning;
    uint8_t flags = 0;  // SampleFlag
};

// Into the order of Profile::samples; those of one time stay in their order.
void sort_by_time(std::vector<Sample>& samples);

// A file that native frames are in.
struct Module {
    StringId name{0};      // as in Frame::module
    StringId path{0};      // as the processes see it
    StringId build_id{0};  // hexadecimal; empty if it has none

    bool operator==(const Module&) const = default;
};

// An event source of the recording, such as "cpu-clock" with unit "nanoseconds".
struct Source {
    std::string name;
    std::string unit;
    uint64_t period = 0;  // what one tick stands for, in `unit`
    uint32_t frequency_hz = 0;
};

// One number of the accounting. `loss`: an imperfection a user must hear of if it is not zero.
struct Statistic {
    std::string name;  // stable, snake_case: key in JSON
    std::string text;  // what it means
    uint64_t value = 0;
    bool loss = false;
};

struct Profile {
    StringTable strings;
    FrameTable frames;
    StackTable stacks;
    std::vector<Container> containers;
    std::vector<Process> processes;
    std::vector<Thread> threads;
    std::vector<Module> modules;
    std::vector<Sample> samples;  // sorted by time
    std::vector<Source> sources;
    std::vector<Statistic> statistics;
    std::map<std::string, std::string>
        settings;  // "command", "kernel", "machine", "pyebpf_version" …
    std::map<StringId, std::string> source_texts;  // of Frame::file, if they were embedded
    uint64_t start_ns = 0;                         // CLOCK_MONOTONIC
    uint64_t end_ns = 0;
    int64_t start_unix_ns = 0;  // wall clock at start_ns
    bool is_cut = false;        // the recording was not ended: its last second may be missing
    uint32_t epoch = 0;         // how often stacks were forgotten

    [[nodiscard]] std::string_view text(StringId id) const { return strings[id]; }
    [[nodiscard]] const Frame& frame(FrameId id) const { return frames[id]; }
    // What people call the container or unit of a process: its name, else the short id, the unit or
    // the cgroup; "" if nothing is known.
    [[nodiscard]] std::string_view container_text(const Process& process) const;
    // Forgets frames, stacks and the strings that only they use; ids start anew. For a recording
    // that writes its samples out while it grows. There may be no samples left.
    void forget_stacks();
    [[nodiscard]] double duration_seconds() const {
        return static_cast<double>(end_ns - start_ns) * 1e-9;
    }
};

}  // namespace pyebpf::profile
