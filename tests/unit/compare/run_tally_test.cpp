// SPDX-License-Identifier: Apache-2.0
#include "compare/run_tally.h"

#include <gtest/gtest.h>

#include <numeric>

#include "synthetic_profile.h"

namespace pyebpf::compare {
namespace {

using output::test::ProfileBuilder;

double self(const RunTally& run, const FunctionTable& functions, const std::string& name) {
    double ticks = 0;
    for (const StackTally& stack : run.stacks)
        if (functions[stack.functions.back()].text() == name) ticks += stack.ticks;
    return ticks;
}

TEST(Tally, KernelAndInterpreterTimeBelongsToWhoAskedForIt) {
    ProfileBuilder builder;
    const auto thread = builder.thread(1, "app", 1, "app", "3.13.5");
    const auto work = builder.python("work", "/ci/app.py", 3, 5);
    builder.add(thread, {work}, 4);
    builder.add(thread, {work, builder.interpreter("long_add")}, 2);
    builder.add(thread, {work, builder.native("write", "libc.so.6"), builder.kernel("vfs_write")},
                3);
    builder.add(thread, {builder.kernel("ret_from_fork")}, 1);
    FunctionTable functions;
    Labels labels;
    TallyContext context{functions, labels, "/ci/"};
    const RunTally run = tally(builder.take(), context);
    EXPECT_EQ(self(run, functions, "app:work"), 6);
    EXPECT_EQ(self(run, functions, "libc.so.6:write"), 3);
    EXPECT_EQ(self(run, functions, "[kernel]"), 1);
    EXPECT_EQ(run.ticks, 10);
    EXPECT_EQ(run.by_category[static_cast<size_t>(Category::kKernel)], 4);
    EXPECT_EQ(run.by_category[static_cast<size_t>(Category::kInterpreter)], 2);
    EXPECT_NEAR(run.tick_seconds, 1.0 / 99, 1e-9);
}

TEST(Tally, WaitingIsKeptApartFromRunning) {
    ProfileBuilder builder;
    const auto thread = builder.thread(1, "app", 1, "app", "3.13.5");
    builder.add(thread, {builder.python("work", "/ci/app.py", 3)}, 5);
    builder.profile().samples[0].state = profile::ThreadState::kGil;
    builder.profile().samples[1].state = profile::ThreadState::kSleep;
    FunctionTable functions;
    Labels labels;
    TallyContext context{functions, labels, ""};
    const RunTally run = tally(builder.take(), context);
    EXPECT_EQ(run.ticks, 3);
    EXPECT_EQ(run.by_category[static_cast<size_t>(Category::kGil)], 1);
    EXPECT_EQ(run.by_category[static_cast<size_t>(Category::kOffCpu)], 1);
}

TEST(Tally, BlocksAddUpToTheWhole) {
    const profile::Profile profile = output::test::small_profile();
    FunctionTable functions;
    Labels labels;
    TallyContext context{functions, labels, ""};
    const RunTally whole = tally(profile, context);
    const std::vector<RunTally> blocks = tally_blocks(profile, context, 7);
    ASSERT_EQ(blocks.size(), 7u);
    double ticks = 0;
    double seconds = 0;
    for (const RunTally& block : blocks) {
        ticks += block.ticks;
        seconds += block.seconds;
    }
    EXPECT_NEAR(ticks, whole.ticks, 1e-6);
    EXPECT_NEAR(seconds, whole.seconds, 0.2);
}

TEST(Tally, HostileNamesAreCounted) {
    const profile::Profile profile = output::test::hostile_profile();
    FunctionTable functions;
    Labels labels;
    TallyContext context{functions, labels, ""};
    EXPECT_EQ(tally(profile, context).ticks, static_cast<double>(profile.samples.size()));
}

}  // namespace
}  // namespace pyebpf::compare
