// SPDX-License-Identifier: Apache-2.0
// The call tree of a report: what was called from where, and how long that took.
//
//   kCalls     from the roots of the threads toward what they call
//   kCallers   from a function toward who called it
//   kCallees   from a function toward what it calls
//
// For people, kCalls is folded: of a run of library frames only the one that the application called
// is kept, its amount being that of all of them. Code of the interpreter belongs to the frame that
// it runs for. What runs before the application's first frame (the launcher of a thread, runpy)
// goes; a stack without any application frame stays as it is. Direct recursion is one level.
// all_frames keeps everything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "output/function_index.h"
#include "report/amounts.h"
#include "report/view.h"

namespace pyebpf::report {

struct TreeOptions {
    enum class Direction : uint8_t { kCalls, kCallers, kCallees };
    Direction direction = Direction::kCalls;
    std::string function;  // pattern of kCallers and kCallees
    bool all_frames = false;
    double min_share_percent = 1;  // smaller branches are summed up
    uint32_t max_depth = 0;        // levels; 0: all
};

class CallTree {
  public:
    struct Node {
        uint32_t parent = kNone;
        uint32_t label = kNone;  // a function's index; from functions().size() on: a label of the
                                 // stacks (process, thread, "[waits: disk]")
        uint64_t self = 0;
        uint64_t total = 0;
    };
    static constexpr uint32_t kNone = UINT32_MAX;

    struct Branches {
        std::vector<Node> nodes;  // parents before children; node 0 is the root above all and has
                                  // no label
        std::vector<std::vector<uint32_t>> children;  // by node; the largest first, ties by name
    };

    // Fails if no function has the name.
    static Result<CallTree> make(const StackAmounts& amounts, const TreeOptions& options);

    // All nodes but those below one with a smaller total. Where each of many processes runs each of
    // many stacks, the whole tree may be larger than memory.
    [[nodiscard]] Branches branches(uint64_t smallest) const;

    [[nodiscard]] std::string text(const ViewOptions& view) const;
    [[nodiscard]] std::string json() const;

  private:
    struct Builder;
    class Growth;
    CallTree(const StackAmounts& amounts, TreeOptions options)
        : amounts_(&amounts), options_(std::move(options)) {}
    [[nodiscard]] uint32_t label_of(profile::FrameId frame) const;
    [[nodiscard]] std::string name_of(uint32_t label) const;

    const StackAmounts* amounts_;
    TreeOptions options_;
    output::FunctionIndex functions_;
    // The whole tree without roots, folded or turned around, with labels for frames.
    profile::StackTable paths_;
    std::vector<profile::StackId> path_of_stack_;  // invalid: not in the tree
    std::vector<uint64_t> weight_of_path_;         // of kCallers and kCallees
    uint64_t whole_ = 0;
};

}  // namespace pyebpf::report
