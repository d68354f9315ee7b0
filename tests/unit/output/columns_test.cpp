// SPDX-License-Identifier: Apache-2.0
#include "output/columns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pyebpf::output {
namespace {

using ::testing::ElementsAre;

TEST(Columns, WideCharactersTakeTwoAndMarksNone) {
    EXPECT_EQ(columns("abc"), 3u);
    EXPECT_EQ(columns("名前"), 4u);
    EXPECT_EQ(columns("e\xcc\x81"), 1u);
    EXPECT_EQ(columns("…"), 1u);
}

TEST(Columns, ShortenedKeepsBothEnds) {
    EXPECT_EQ(shortened("abcdef", 6), "abcdef");
    EXPECT_EQ(shortened("abcdefghij", 7), "ab…ghij");
    EXPECT_EQ(shortened("abc", 1), "…");
    EXPECT_EQ(shortened("abc", 0), "");
}

TEST(Columns, ShortenedNeverExceedsItsWidth) {
    const std::string text = "名前a名前b名前c名前d";
    for (size_t width = 0; width < 30; width++) {
        EXPECT_LE(columns(shortened(text, width)), width);
    }
}

TEST(Columns, WrappedBreaksAtSpaces) {
    EXPECT_THAT(wrapped("one two  three", 7), ElementsAre("one two", "three"));
    EXPECT_THAT(wrapped("abcdefghij k", 7), ElementsAre("ab…ghij", "k"));
    EXPECT_THAT(wrapped("", 7), ElementsAre(""));
}

}  // namespace
}  // namespace pyebpf::output
