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

    // Fails if no function has the name.
    static Result<CallTree> make(const StackAmounts& amounts, const TreeOptions& options);

    // Parents before children; node 0 is the root above all and has no label.
    [[nodiscard]] const std::vector<Node>& nodes() const { return nodes_; }
    // The children of each node, the largest first, ties by name.
    [[nodiscard]] const std::vector<std::vector<uint32_t>>& children() const { return children_; }

    [[nodiscard]] std::string text(const ViewOptions& view) const;
    [[nodiscard]] std::string json() const;

  private:
    struct Builder;
    CallTree(const StackAmounts& amounts, TreeOptions options)
        : amounts_(&amounts), options_(std::move(options)) {}
    void finish();
    [[nodiscard]] std::string name_of(uint32_t label) const;

    const StackAmounts* amounts_;
    TreeOptions options_;
    output::FunctionIndex functions_;
    std::vector<Node> nodes_;
    std::vector<std::vector<uint32_t>> children_;
};

}  // namespace pyebpf::report
