// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace pyebpf::log {
namespace {

class LogTest : public testing::Test {
  protected:
    ~LogTest() override {
        set_level(Level::kNormal);
        set_before_line(nullptr);
    }
};

std::string written_at(Level level) {
    set_level(level);
    testing::internal::CaptureStderr();
    error("e");
    warning("w");
    info("i");
    verbose("v");
    return testing::internal::GetCapturedStderr();
}

TEST_F(LogTest, LevelDecidesWhatIsShown) {
    EXPECT_EQ(written_at(Level::kQuiet), "pyebpf: e\n");
    EXPECT_EQ(written_at(Level::kNormal), "pyebpf: e\npyebpf: w\npyebpf: i\n");
    EXPECT_EQ(written_at(Level::kVerbose), "pyebpf: e\npyebpf: w\npyebpf: i\npyebpf: v\n");
}

TEST_F(LogTest, ForeignTextStaysOnOneLine) {
    testing::internal::CaptureStderr();
    error("process \x1b]0;owned\x07\nroot# ");
    EXPECT_EQ(testing::internal::GetCapturedStderr(),
              "pyebpf: process \\x1b]0;owned\\x07\\x0aroot# \n");
}

TEST_F(LogTest, LongTextIsBounded) {
    testing::internal::CaptureStderr();
    error(std::string(1 << 20, 'x'));
    EXPECT_LT(testing::internal::GetCapturedStderr().size(), 20000u);
}

TEST_F(LogTest, HookRunsBeforeEachLineThatIsWritten) {
    set_level(Level::kQuiet);
    set_before_line([] { std::fputs("<clear>", stderr); });
    testing::internal::CaptureStderr();
    info("hidden");
    error("shown");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "<clear>pyebpf: shown\n");
}

}  // namespace
}  // namespace pyebpf::log
