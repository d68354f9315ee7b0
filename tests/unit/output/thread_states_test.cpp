// SPDX-License-Identifier: Apache-2.0
#include "output/thread_states.h"
#include "output/names.h"

#include <gtest/gtest.h>

#include "synthetic_profile.h"

namespace pyebpf::output {
namespace {

using profile::ThreadState;

// One thread holds the lock for 4 ticks of 5, another one waits 3 ticks for it.
profile::Profile contended() {
    test::ProfileBuilder b;
    const auto holder = b.thread(10, "python", 10, "main");
    const auto waiter = b.thread(10, "python", 11, "worker");
    b.add(holder, {b.python("crunch", "a.py", 1), b.native("memcpy", "libc.so.6")}, 4);
    b.add(holder, {b.python("idle", "a.py", 9)}, 1);
    b.add(waiter, {b.python("serve", "a.py", 5), b.native("take_gil", "python")}, 3);
    profile::Profile profile = b.take();
    for (profile::Sample& sample : profile.samples) {
        const auto frame = profile.frame(profile.stacks[sample.stack].frame);
        if (profile.text(frame.function) == "memcpy") sample.flags = profile::kHoldsGil;
        if (profile.text(frame.function) == "take_gil") sample.state = ThreadState::kGil;
    }
    return profile;
}

TEST(ThreadStates, TotalsLargestFirst) {
    const auto totals = state_totals(contended());
    ASSERT_EQ(totals.size(), 2u);
    EXPECT_EQ(totals[0].state, ThreadState::kRunning);
    EXPECT_NEAR(totals[0].ticks, 5, 1e-9);
    EXPECT_EQ(totals[1].state, ThreadState::kGil);
    EXPECT_NEAR(totals[1].ticks, 3, 1e-9);
}

TEST(ThreadStates, TheInnermostPythonFunctionHoldsAndWaits) {
    const profile::Profile profile = contended();
    const GilTotals gil = gil_totals(profile);
    EXPECT_NEAR(gil.held, 4, 1e-9);
    EXPECT_NEAR(gil.waited, 3, 1e-9);
    EXPECT_EQ(profile.text(gil.holder.function), "crunch");
    EXPECT_NEAR(gil.holder.ticks, 4, 1e-9);
    EXPECT_EQ(profile.text(gil.waiter.function), "serve");
}

TEST(ThreadStates, NumbersBeyondTheKnownOnesAreOtherWaits) {
    profile::Profile profile = contended();
    for (profile::Sample& sample : profile.samples) sample.state = static_cast<ThreadState>(200);
    EXPECT_EQ(state_totals(profile)[0].state, ThreadState::kOther);
    EXPECT_EQ(state_name(static_cast<ThreadState>(200)), state_name(ThreadState::kOther));
}

}  // namespace
}  // namespace pyebpf::output
