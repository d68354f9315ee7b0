// SPDX-License-Identifier: Apache-2.0
#include "symbolize/flat_ranges.h"

#include <gtest/gtest.h>

#include <random>

namespace pyebpf::symbolize {
namespace {

uint32_t winner(const std::vector<RankedRange>& ranges, uint64_t address) {
    uint32_t value = FlatRanges::kNone;
    uint32_t rank = 0;
    for (const RankedRange& range : ranges) {
        if (address < range.start || address >= range.end || range.rank < rank) continue;
        rank = range.rank;
        value = range.value;
    }
    return value;
}

TEST(FlatRanges, NothingIsNowhere) {
    EXPECT_EQ(FlatRanges().at(0), FlatRanges::kNone);
    const std::vector<RankedRange> empty = {{.start = 5, .end = 5, .rank = 0, .value = 1},
                                            {.start = 9, .end = 3, .rank = 0, .value = 2}};
    EXPECT_EQ(FlatRanges(empty).size(), 0u);
}

TEST(FlatRanges, EqualNeighborsAreOnePiece) {
    const std::vector<RankedRange> ranges = {{.start = 1, .end = 5, .rank = 0, .value = 7},
                                             {.start = 5, .end = 9, .rank = 0, .value = 7}};
    const FlatRanges flat(ranges);
    EXPECT_EQ(flat.size(), 2u);  // [1, 9) and what follows
    EXPECT_EQ(flat.at(8), 7u);
    EXPECT_EQ(flat.at(9), FlatRanges::kNone);
}

TEST(FlatRanges, LastAddressCanBeCovered) {
    const std::vector<RankedRange> ranges = {
        {.start = 10, .end = UINT64_MAX, .rank = 0, .value = 1}};
    EXPECT_EQ(FlatRanges(ranges).at(UINT64_MAX - 1), 1u);
}

TEST(FlatRanges, AgreesWithALinearSearch) {
    std::mt19937 random(3);
    for (int round = 0; round < 2000; ++round) {
        std::vector<RankedRange> ranges(random() % 12);
        for (uint32_t i = 0; i < ranges.size(); ++i) {
            const uint64_t start = random() % 40;
            ranges[i] = {.start = start,
                         .end = start + random() % 20,
                         .rank = static_cast<uint32_t>(random() % 3),
                         .value = i};
        }
        const FlatRanges flat(ranges);
        for (uint64_t address = 0; address < 64; ++address) {
            ASSERT_EQ(flat.at(address), winner(ranges, address))
                << "round " << round << " address " << address;
        }
    }
}

}  // namespace
}  // namespace pyebpf::symbolize
