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
    struct Hash {
        size_t operator()(const Node& node) const noexcept;
    };
    std::vector<Node> nodes_;
    tsl::robin_map<Node, StackId, Hash> ids_;
};

struct Process {
    uint32_t pid = 0;        // thread group id in the initial pid namespace
    uint64_t start_ns = 0;   // CLOCK_MONOTONIC, 0 if it ran before the recording
    uint64_t end_ns = 0;     // 0 if it still ran
    StringId name{0};        // comm at the end of its run
    StringId command{0};     // command line, arguments joined by spaces
    StringId executable{0};  // path as the process sees it
    StringId python{0};      // "3.13.5", empty if no Python runtime was seen
    StringId container{0};
};

struct Thread {
    ProcessId process;
    uint32_t tid = 0;
    StringId name{0};
};

struct Sample {
    uint64_t time_ns = 0;  // CLOCK_MONOTONIC
    uint64_t weight = 0;   // in the unit of its source
    StackId stack;
    ThreadId thread;
    uint16_t cpu = 0;
    uint8_t source = 0;  // index into Profile::sources
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
    std::vector<Process> processes;
    std::vector<Thread> threads;
    std::vector<Sample> samples;  // sorted by time
    std::vector<Source> sources;
    std::vector<Statistic> statistics;
    std::map<std::string, std::string>
        settings;           // "command", "kernel", "machine", "pyebpf_version" …
    uint64_t start_ns = 0;  // CLOCK_MONOTONIC
    uint64_t end_ns = 0;
    int64_t start_unix_ns = 0;  // wall clock at start_ns

    [[nodiscard]] std::string_view text(StringId id) const { return strings[id]; }
    [[nodiscard]] const Frame& frame(FrameId id) const { return frames[id]; }
    [[nodiscard]] double duration_seconds() const {
        return static_cast<double>(end_ns - start_ns) * 1e-9;
    }
};

}  // namespace pyebpf::profile
