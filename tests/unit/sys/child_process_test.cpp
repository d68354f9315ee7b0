// SPDX-License-Identifier: Apache-2.0
#include "sys/child_process.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>

namespace pyebpf::sys {
namespace {

int exit_code_of(const std::vector<std::string>& command) {
    auto child = ChildProcess::create(command);
    EXPECT_TRUE(child.has_value());
    if (const auto released = child->release(); !released) return released.error().exit_code;
    return child->wait();
}

TEST(ChildProcess, GivesTheCommandsExitCode) {
    EXPECT_EQ(exit_code_of({"true"}), 0);
    EXPECT_EQ(exit_code_of({"sh", "-c", "exit 7"}), 7);
    EXPECT_EQ(exit_code_of({"sh", "-c", "kill -TERM $$"}), 128 + SIGTERM);
}

TEST(ChildProcess, SaysThatACommandIsNotThere) {
    auto child = ChildProcess::create({"no-such-command-at-all"});
    ASSERT_TRUE(child.has_value());
    const auto released = child->release();
    ASSERT_FALSE(released.has_value());
    EXPECT_EQ(released.error().exit_code, kExitNotFound);
    EXPECT_NE(released.error().message.find("no-such-command-at-all"), std::string::npos);
}

TEST(ChildProcess, SaysThatACommandCannotBeExecuted) {
    EXPECT_EQ(exit_code_of({"/proc/version"}), kExitNotExecutable);
}

TEST(ChildProcess, DoesNothingBeforeItIsReleased) {
    auto child = ChildProcess::create({"true"});
    ASSERT_TRUE(child.has_value());
    EXPECT_GT(child->pid(), 0);
    EXPECT_FALSE(child->try_wait());
    ASSERT_TRUE(child->release().has_value());
    pollfd ended{child->fd(), POLLIN, 0};
    ASSERT_EQ(poll(&ended, 1, 60'000), 1);
    EXPECT_EQ(child->try_wait(), 0);
    EXPECT_EQ(child->wait(), 0);
}

TEST(ChildProcess, StartsWithDefaultSignalsHoweverOursAre) {
    const auto before = std::signal(SIGTERM, SIG_IGN);
    EXPECT_EQ(exit_code_of({"sh", "-c", "kill -TERM $$"}), 128 + SIGTERM);
    std::signal(SIGTERM, before);
}

TEST(ChildProcess, TakesSignals) {
    auto child = ChildProcess::create({"sleep", "1000"});
    ASSERT_TRUE(child.has_value());
    ASSERT_TRUE(child->release().has_value());
    child->send_signal(SIGINT);
    EXPECT_EQ(child->wait(), 128 + SIGINT);
}

}  // namespace
}  // namespace pyebpf::sys
