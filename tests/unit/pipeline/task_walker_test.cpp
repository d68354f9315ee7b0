// SPDX-License-Identifier: Apache-2.0
#include "pipeline/task_walker.h"

#include <gtest/gtest.h>

#include "walkers/walkers.h"

namespace pyebpf::pipeline {
namespace {

constexpr gil_place kGil{.start = 0x1000, .bytes = 0x40};

task_record waiting_for(uint64_t futex, uint8_t activity) {
    task_record task{};
    task.flags = TASK_IN_SYSCALL | TASK_IN_FUTEX_WAIT;
    task.argument_1 = futex;
    task.activity = activity;
    return task;
}

TEST(AwaitsGil, ByTheFutexThatItWaitsFor) {
    EXPECT_TRUE(awaits_gil(waiting_for(0x1000, THREAD_LOCK), kGil));
    EXPECT_TRUE(awaits_gil(waiting_for(0x103f, THREAD_LOCK), kGil));
    EXPECT_FALSE(awaits_gil(waiting_for(0x0fff, THREAD_LOCK), kGil));
    EXPECT_FALSE(awaits_gil(waiting_for(0x1040, THREAD_LOCK), kGil));
    EXPECT_FALSE(awaits_gil(waiting_for(0x1000, THREAD_LOCK), gil_place{}));
    EXPECT_FALSE(awaits_gil(waiting_for(0, THREAD_LOCK), gil_place{}));
}

TEST(AwaitsGil, AlsoWhileItIsRunnableToAskForIt) {
    EXPECT_TRUE(awaits_gil(waiting_for(0x1000, THREAD_RUN_QUEUE), kGil));
    EXPECT_FALSE(awaits_gil(waiting_for(0x2000, THREAD_RUN_QUEUE), kGil));
    // The quota of a cgroup is what it lacks first.
    EXPECT_FALSE(awaits_gil(waiting_for(0x1000, THREAD_THROTTLED), kGil));
    EXPECT_FALSE(awaits_gil(waiting_for(0x1000, THREAD_RUNNING), kGil));
}

TEST(AwaitsGil, NotWhileItWakesOthers) {
    task_record task = waiting_for(0x1000, THREAD_RUN_QUEUE);
    task.flags = TASK_IN_SYSCALL;
    EXPECT_FALSE(awaits_gil(task, kGil));
}

}  // namespace
}  // namespace pyebpf::pipeline
