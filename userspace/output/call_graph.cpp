// SPDX-License-Identifier: Apache-2.0
#include "output/call_graph.h"

#include "output/stack_walk.h"

namespace pyebpf::output {

using profile::FrameId;
using profile::StackId;

namespace {

// Walks all stacks and keeps the path from the root.
class GraphBuilder {
  public:
    GraphBuilder(const RootedStacks& stacks, std::span<const Cost> cost_of_stack,
                 std::span<const uint32_t> function_of_frame, uint32_t function_count)
        : stacks_(stacks),
          function_of_frame_(function_of_frame),
          self_(cost_of_stack.begin(), cost_of_stack.end()),
          activities_(function_count) {
        self_.resize(stacks.size());
        graph_.total.resize(function_count);
    }

    CallGraph build() {
        subtree_ = self_;
        for (auto i = static_cast<uint32_t>(subtree_.size()); i-- > 0;) {
            const StackId parent = stacks_[StackId{i}].parent;
            if (parent.valid()) subtree_[parent.value] += subtree_[i];
        }
        walk_stacks(
            stacks_.size(), [&](StackId id) { return stacks_[id].parent; },
            [&](StackId id) { enter(id); }, [&](StackId) { leave(); });
        return std::move(graph_);
    }

  private:
    struct Level {
        uint32_t function;
        uint32_t line;
    };
    struct Activity {
        uint32_t depth = 0;    // how often it is on the path
        size_t outermost = 0;  // where on the path it is first, if it is
    };

    [[nodiscard]] CallGraph::CallCost& call_into(size_t position) {
        const uint32_t callee = path_[position].function;
        if (position == 0) return graph_.calls[{CallGraph::kNobody, 0, callee}];
        const Level& caller = path_[position - 1];
        return graph_.calls[{caller.function, caller.line, callee}];
    }

    void enter(StackId id) {
        const FrameId frame = stacks_[id].frame;
        const uint32_t function = function_of_frame_[frame.value];
        const Cost& subtree = subtree_[id.value];
        const Cost& self = self_[id.value];
        Activity& activity = activities_[function];
        path_.push_back({function, stacks_.frame(frame).line});
        if (activity.depth++ == 0) activity.outermost = path_.size() - 1;
        if (subtree.samples == 0) return;
        if (activity.depth == 1) {
            graph_.total[function] += subtree;
            call_into(activity.outermost).total += subtree;
        }
        if (self.samples == 0) return;
        graph_.sum += self;
        graph_.self[{function, path_.back().line}] += self;
        call_into(activity.outermost).self += self;
    }

    void leave() {
        activities_[path_.back().function].depth--;
        path_.pop_back();
    }

    const RootedStacks& stacks_;
    std::span<const uint32_t> function_of_frame_;
    std::vector<Cost> self_;     // by stack
    std::vector<Cost> subtree_;  // by stack: with what it called
    std::vector<Level> path_;
    std::vector<Activity> activities_;  // of each function
    CallGraph graph_;
};

}  // namespace

CallGraph make_call_graph(const RootedStacks& stacks, std::span<const Cost> cost_of_stack,
                          std::span<const uint32_t> function_of_frame, uint32_t function_count) {
    return GraphBuilder(stacks, cost_of_stack, function_of_frame, function_count).build();
}

std::vector<std::vector<Cost>> cost_of_stacks(const profile::Profile& profile, const Units& units,
                                              RootedStacks& stacks) {
    std::vector<std::vector<Cost>> costs(units.list().size());
    for (const profile::Sample& sample : profile.samples) {
        std::vector<Cost>& of_unit = costs[units.of(sample)];
        const StackId stack = stacks.of(sample);
        if (stack.value >= of_unit.size()) of_unit.resize(stacks.size());
        of_unit[stack.value] += {1, sample.weight};
    }
    return costs;
}

}  // namespace pyebpf::output
