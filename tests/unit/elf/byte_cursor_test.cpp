// SPDX-License-Identifier: Apache-2.0
#include "elf/byte_cursor.h"

#include <gtest/gtest.h>

#include <vector>

namespace pyebpf::elf {
namespace {

TEST(ByteCursor, ReadsSignedNumbersOfAnyLength) {
    // DWARF 5 appendix C, and the ends of the range in ten bytes.
    const std::vector<std::pair<std::vector<uint8_t>, int64_t>> cases = {
        {{0x02}, 2},
        {{0x7e}, -2},
        {{0xff, 0x00}, 127},
        {{0x81, 0x7f}, -127},
        {{0x80, 0x7f}, -128},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}, INT64_MAX},
        {{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f}, INT64_MIN},
        {{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, -2},
    };
    for (const auto& [bytes, expected] : cases) {
        ByteCursor cursor(bytes);
        EXPECT_EQ(cursor.signed_leb128(), expected);
        EXPECT_TRUE(cursor.ok() && cursor.at_end());
    }
}

TEST(ByteCursor, ReadsUnsignedNumbersOfAnyLength) {
    const std::vector<std::pair<std::vector<uint8_t>, uint64_t>> cases = {
        {{0x7f}, 127},
        {{0x80, 0x01}, 128},
        {{0xb9, 0x64}, 12857},
        {{0x85, 0x80, 0x80, 0x00}, 5},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, UINT64_MAX},
        {{0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f}, 1},
    };
    for (const auto& [bytes, expected] : cases) {
        ByteCursor cursor(bytes);
        EXPECT_EQ(cursor.unsigned_leb128(), expected);
        EXPECT_TRUE(cursor.ok() && cursor.at_end());
    }
}

TEST(ByteCursor, FailsForGoodAtTheFirstReadPastTheEnd) {
    const std::vector<uint8_t> bytes = {1, 2, 3, 4, 0x80};
    ByteCursor cursor(bytes);
    EXPECT_EQ(cursor.fixed<uint32_t>(), 0x04030201U);
    EXPECT_EQ(cursor.unsigned_leb128(), 0U);
    EXPECT_FALSE(cursor.ok());
    EXPECT_EQ(cursor.fixed<uint8_t>(), 0);
    EXPECT_EQ(cursor.left(), 0U);
    ByteCursor too_much(bytes);
    EXPECT_TRUE(too_much.take(6).empty());
    EXPECT_FALSE(too_much.ok());
    ByteCursor endless_text(bytes);
    EXPECT_TRUE(endless_text.text().empty());
    EXPECT_FALSE(endless_text.ok());
}

}  // namespace
}  // namespace pyebpf::elf
