// SPDX-License-Identifier: Apache-2.0
// Recorded tables of every version, and the corners of the formats that real compilers rarely emit.
#include "python/line_table.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

namespace pyebpf::python {
namespace {

using Json = nlohmann::json;
using Bytes = std::vector<uint8_t>;

Bytes from_hex(const std::string& text) {
    Bytes bytes;
    for (size_t i = 0; i + 1 < text.size(); i += 2) {
        bytes.push_back(static_cast<uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
    }
    return bytes;
}

int32_t number_or(const Json& range, size_t index, int32_t otherwise) {
    return index < range.size() && !range[index].is_null() ? range[index].get<int32_t>()
                                                           : otherwise;
}

TEST(LineTable, RecordedTablesGiveTheInterpretersLocations) {
    std::ifstream stream(PYEBPF_TEST_DATA "/python/line_table_vectors.json");
    ASSERT_TRUE(stream) << "no vectors";
    const Json vectors = Json::parse(stream);
    int checked = 0;
    for (const auto& [version, functions] : vectors["versions"].items()) {
        const int major = version[0] - '0';
        const int minor = std::stoi(version.substr(2));
        for (const Json& function : functions) {
            const Bytes table = from_hex(function[2]);
            const int32_t first_line = function[1];
            for (const Json& range : function[4]) {
                for (int32_t offset = range[0]; offset < range[1].get<int32_t>(); ++offset) {
                    ++checked;
                    const std::optional<Location> location =
                        locate(major, minor, table, first_line, offset);
                    if (range[2].is_null()) {
                        EXPECT_FALSE(location) << version << ' ' << function[0] << ' ' << offset;
                        continue;
                    }
                    const int32_t line = range[2];
                    const Location expected{line, number_or(range, 3, line),
                                            number_or(range, 4, -1), number_or(range, 5, -1)};
                    ASSERT_TRUE(location) << version << ' ' << function[0] << ' ' << offset;
                    EXPECT_EQ(*location, expected)
                        << version << ' ' << function[0] << ' ' << offset;
                }
            }
        }
    }
    EXPECT_GT(checked, 2000);
}

TEST(LineTable, DeltasAreUnsignedIn27AndSignedIn36) {
    const Bytes table{2, 200};
    EXPECT_EQ(locate(2, 7, table, 1000, 2)->line, 1200);
    EXPECT_EQ(locate(3, 6, table, 1000, 2)->line, 944);
}

TEST(LineTable, EmptyLnotabIsTheFirstLine) {
    EXPECT_EQ(locate(3, 9, Bytes{}, 7, 40)->line, 7);
}

TEST(LineTable, RangeWithoutLineIn310KeepsTheRunningLine) {
    const Bytes table{4, 1, 2, 0x80, 2, 1};  // [0,4) 11, [4,6) none, [6,8) 12
    EXPECT_EQ(locate(3, 10, table, 10, 0)->line, 11);
    EXPECT_FALSE(locate(3, 10, table, 10, 4));
    EXPECT_EQ(displayed_location(3, 10, table, 10, 4).line, 11);
    EXPECT_EQ(locate(3, 10, table, 10, 6)->line, 12);
}

TEST(LineTable, EmptyRangeIn310StillMovesTheLine) {
    const Bytes table{0, 127, 0, 127, 2, 1};
    EXPECT_EQ(locate(3, 10, table, 1, 0)->line, 256);
}

TEST(LineTable, OffsetBehindTheTableHasNoLocation) {
    EXPECT_FALSE(locate(3, 10, Bytes{2, 1}, 1, 2));
    EXPECT_FALSE(locate(3, 13, Bytes{0x80, 0x12}, 1, 2));
    EXPECT_EQ(displayed_location(3, 10, Bytes{2, 1}, 1, 2).line, 2);
}

TEST(LineTable, EveryEntryKindIn311) {
    const Bytes table{
        0x80, 0x23,        // kind 0: column 2 - 5
        0xd0, 0x04, 0x09,  // kind 10: same line
        0xd8, 0x04, 0x09,  // kind 11: line + 1
        0xe0, 0xc8, 0xff,  // kind 12: line + 2, columns above 127
        0xe8, 0x05,        // kind 13: line - 2, no columns
        0xf0, 0x48, 0x01, 0x03,
        0x41, 0x02, 0x00,  // kind 14: line + 36, 3 more, column 128, end column not known
        0xf8,              // kind 15: no location
        0xc8, 0x10,        // kind 9: column 73 - 73
    };
    const auto at = [&](int32_t unit) { return locate(3, 11, table, 100, unit * 2); };
    EXPECT_EQ(*at(0), (Location{100, 100, 2, 5}));
    EXPECT_EQ(*at(1), (Location{100, 100, 4, 9}));
    EXPECT_EQ(*at(2), (Location{101, 101, 4, 9}));
    EXPECT_EQ(*at(3), (Location{103, 103, 200, 255}));
    EXPECT_EQ(*at(4), (Location{101, 101, -1, -1}));
    EXPECT_EQ(*at(5), (Location{137, 140, 128, -1}));
    EXPECT_FALSE(at(6));
    EXPECT_EQ(*at(7), (Location{137, 137, 73, 73}));
    EXPECT_EQ(displayed_location(3, 11, table, 100, 12), (Location{137, 137, -1, -1}));
}

TEST(LineTable, LargeLineDeltas) {
    const Bytes table{0xe8, 0x40, 0x52, 0x68, 0x07};  // + 1,000,000 lines, in groups of six bits
    EXPECT_EQ(locate(3, 12, table, 7, 0)->line, 1000007);
}

TEST(LineTable, InstructionThatHasNotStartedIsOnTheFirstLine) {
    for (const int minor : {6, 9, 10, 11, 15}) {
        EXPECT_FALSE(locate(3, minor, Bytes{0x80, 0x12}, 5, -2)) << minor;
        EXPECT_EQ(displayed_location(3, minor, Bytes{0x80, 0x12}, 5, -2), (Location{5, 5, -1, -1}))
            << minor;
    }
}

// Nothing to expect but an end, without undefined behavior (the sanitizer build checks that).
TEST(LineTable, ArbitraryBytesAreAccepted) {
    std::mt19937 random(1);
    for (int round = 0; round < 20000; ++round) {
        Bytes table(random() % 40);
        for (uint8_t& byte : table) byte = static_cast<uint8_t>(random());
        const auto first_line = static_cast<int32_t>(random());
        const auto offset = static_cast<int32_t>(random() % 400) - 4;
        for (const int minor : {7, 9, 10, 13}) {
            const std::optional<Location> exact =
                locate(minor == 7 ? 2 : 3, minor, table, first_line, offset);
            const Location shown =
                displayed_location(minor == 7 ? 2 : 3, minor, table, first_line, offset);
            if (exact) {
                EXPECT_EQ(*exact, shown);
            } else {
                EXPECT_EQ(shown.line, shown.end_line);
            }
        }
    }
}

}  // namespace
}  // namespace pyebpf::python
