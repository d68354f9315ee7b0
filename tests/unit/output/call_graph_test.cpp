// SPDX-License-Identifier: Apache-2.0
#include "output/call_graph.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "synthetic_profile.h"

namespace pyebpf::output {
namespace {

using profile::FrameId;
using test::ProfileBuilder;

// A profile and its graph, with each frame as a function of its own.
struct Graphed {
    profile::Profile profile;
    Units units;
    RootedStacks stacks;
    CallGraph graph;

    explicit Graphed(profile::Profile taken)
        : profile(std::move(taken)), units(profile), stacks(profile, {}, units) {
        const auto costs = cost_of_stacks(profile, units, stacks);
        std::vector<uint32_t> functions(stacks.frame_count());
        std::iota(functions.begin(), functions.end(), 0);
        graph =
            make_call_graph(stacks, costs[0], functions, static_cast<uint32_t>(functions.size()));
    }
    [[nodiscard]] uint64_t call(FrameId caller, FrameId callee) const {
        uint64_t sum = 0;
        for (const auto& [call, cost] : graph.calls) {
            if (call.caller == caller.value && call.callee == callee.value)
                sum += cost.total.samples;
        }
        return sum;
    }
};

TEST(CallGraph, RecursionCountsOnce) {
    ProfileBuilder b;
    const auto thread = b.thread(1, "python", 1, "python");
    const FrameId main = b.python("main", "a.py", 1);
    const FrameId fib = b.python("fib", "a.py", 5);
    const FrameId key = b.python("key", "a.py", 9);
    b.add(thread, {main, fib, fib, fib}, 3);
    b.add(thread, {main, fib, key, fib}, 2);
    b.add(thread, {main, fib, key}, 1);
    const Graphed g(b.take());
    EXPECT_EQ(g.graph.total[main.value].samples, 6u);
    EXPECT_EQ(g.graph.total[fib.value].samples, 6u);
    EXPECT_EQ(g.graph.total[key.value].samples, 3u);
    EXPECT_EQ(g.call(main, fib), 6u);
    EXPECT_EQ(g.call(fib, fib), 0u);
    EXPECT_EQ(g.call(fib, key), 3u);
    EXPECT_EQ(g.call(key, fib), 0u);  // fib is active already
}

TEST(CallGraph, SelfOfARecursionIsCalledFromOutsideOfIt) {
    ProfileBuilder b;
    const auto thread = b.thread(1, "python", 1, "python");
    const FrameId main = b.python("main", "a.py", 1);
    const FrameId fib = b.python("fib", "a.py", 5);
    b.add(thread, {main, fib, fib}, 3);
    const Graphed g(b.take());
    const auto call = g.graph.calls.find({main.value, 1, fib.value});
    ASSERT_NE(call, g.graph.calls.end());
    EXPECT_EQ(call->second.self.samples, 3u);
}

// The promise of call_graph.h, on stacks full of recursion.
TEST(CallGraph, CallsIntoAFunctionAddUpToItsSamples) {
    const Graphed g(test::large_profile(3000));
    std::vector<uint64_t> expected(g.profile.frames.size());
    uint64_t weight = 0;
    for (const auto& sample : g.profile.samples) {
        const auto frames = g.profile.stacks.frames(sample.stack);
        for (const FrameId id : std::set<FrameId>(frames.begin(), frames.end()))
            expected[id.value]++;
        weight += sample.weight;
    }
    EXPECT_EQ(g.graph.sum.weight, weight);
    std::vector<uint64_t> sums(expected.size());
    for (const auto& [call, cost] : g.graph.calls) sums[call.callee] += cost.total.samples;
    for (size_t i = 0; i < expected.size(); i++) {
        EXPECT_EQ(g.graph.total[i].samples, expected[i]);
        EXPECT_EQ(sums[i], expected[i]);
    }
}

}  // namespace
}  // namespace pyebpf::output
