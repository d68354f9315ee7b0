// SPDX-License-Identifier: Apache-2.0
#include "elf/unwind_pages.h"

#include <gtest/gtest.h>

#include <map>

namespace pyebpf::elf {
namespace {

constexpr uint64_t kFirstPc = 0x401000;

unwind_rule rsp_plus(int32_t offset) {
    return {.cfa_offset = offset, .cfa_kind = CFA_RSP};
}

// What a table gives for every address, against the last rule set at or below it.
void expect_same(const std::vector<UnwindTable>& tables, const std::map<uint64_t, int32_t>& set,
                 uint64_t end) {
    for (uint64_t pc = kFirstPc; pc < end; ++pc) {
        std::optional<unwind_rule> found;
        for (const UnwindTable& table : tables) {
            if (const auto rule = table.lookup({pc})) {
                ASSERT_FALSE(found) << "two tables cover one address";
                found = rule;
            }
        }
        ASSERT_TRUE(found) << pc;
        auto in_force = set.upper_bound(pc);
        const int32_t expected = in_force == set.begin() ? 0 : std::prev(in_force)->second;
        ASSERT_EQ(found->cfa_offset, expected) << std::hex << pc;
        ASSERT_EQ(found->cfa_kind, expected == 0 ? CFA_NONE : CFA_RSP) << std::hex << pc;
    }
}

void set_all(UnwindPages& pages, const std::map<uint64_t, int32_t>& set) {
    for (const auto& [pc, offset] : set) {
        pages.set({pc}, offset == 0 ? unwind_rule{} : rsp_plus(offset));
    }
}

TEST(UnwindPages, APageWithOneRuleTakesNoRows) {
    UnwindPages pages({kFirstPc}, {kFirstPc + 0x400});
    pages.set({kFirstPc + 0x100}, rsp_plus(8));
    const auto tables = std::move(pages).pack(UNWIND_SLAB_WORDS);
    ASSERT_EQ(tables.size(), 1U);
    EXPECT_EQ(tables[0].first_page, kFirstPc >> UNWIND_PAGE_SHIFT);
    EXPECT_TRUE(tables[0].rows.empty());
    const std::vector<uint32_t> expected = {UNWIND_INDEX_SINGLE | 0, UNWIND_INDEX_SINGLE | 1,
                                            UNWIND_INDEX_SINGLE | 1, UNWIND_INDEX_SINGLE | 1};
    EXPECT_EQ(tables[0].index, expected);
    EXPECT_EQ(tables[0].rules.size(), 2U);
    EXPECT_EQ(tables[0].size_words(), 4U + 2 * 2);
}

TEST(UnwindPages, ANarrowRowHoldsThePlaceAboveTheRule) {
    UnwindPages pages({kFirstPc}, {kFirstPc + 0x100});
    pages.set({kFirstPc + 0x12}, rsp_plus(8));
    const auto tables = std::move(pages).pack(UNWIND_SLAB_WORDS);
    const std::vector<uint32_t> index = {2U << UNWIND_INDEX_COUNT_SHIFT};
    const std::vector<uint16_t> rows = {0x0000, 0x1201};
    EXPECT_EQ(tables[0].index, index);
    EXPECT_EQ(tables[0].rows, rows);
}

TEST(UnwindPages, ThePageAfterBeginsWithTheLastRowOfThePageBefore) {
    UnwindPages pages({kFirstPc}, {kFirstPc + 0x400});
    std::map<uint64_t, int32_t> set = {{kFirstPc + 0x12, 8}, {kFirstPc + 0x305, 16}};
    set_all(pages, set);
    const auto tables = std::move(pages).pack(UNWIND_SLAB_WORDS);
    const std::vector<uint32_t> index = {2U << UNWIND_INDEX_COUNT_SHIFT, UNWIND_INDEX_SINGLE | 1,
                                         UNWIND_INDEX_SINGLE | 1,
                                         2U << UNWIND_INDEX_COUNT_SHIFT | 1};
    const std::vector<uint16_t> rows = {0x0000, 0x1201, 0x0502};
    EXPECT_EQ(tables[0].index, index);
    EXPECT_EQ(tables[0].rows, rows);
    expect_same(tables, set, kFirstPc + 0x400);
}

TEST(UnwindPages, APageThatBeginsWithAnotherRuleHasARowForIt) {
    UnwindPages pages({kFirstPc}, {kFirstPc + 0x200});
    std::map<uint64_t, int32_t> set = {
        {kFirstPc + 0x12, 8}, {kFirstPc + 0x100, 16}, {kFirstPc + 0x180, 8}};
    set_all(pages, set);
    const auto tables = std::move(pages).pack(UNWIND_SLAB_WORDS);
    EXPECT_EQ(tables[0].rows.size(), 4U);
    expect_same(tables, set, kFirstPc + 0x200);
}

TEST(UnwindPages, EqualNeighborsAndEmptyRowsAreMerged) {
    UnwindPages pages({kFirstPc}, {kFirstPc + 0x100});
    const std::map<uint64_t, int32_t> set = {{kFirstPc, 8}, {kFirstPc + 4, 16}, {kFirstPc + 9, 16}};
    set_all(pages, set);
    pages.set({kFirstPc + 0x20}, rsp_plus(24));
    pages.set({kFirstPc + 0x20}, rsp_plus(16));
    const auto tables = std::move(pages).pack(UNWIND_SLAB_WORDS);
    EXPECT_EQ(tables[0].rows.size(), 2U);
    expect_same(tables, set, kFirstPc + 0x100);
}

TEST(UnwindPages, TheCommonestRulesGetTheSmallestNumbers) {
    UnwindPages pages({kFirstPc}, {kFirstPc + 0x1000});
    pages.set({kFirstPc + 1}, rsp_plus(1000));
    for (uint64_t pc = kFirstPc + 16; pc + 16 < kFirstPc + 0x1000; pc += 16) {
        pages.set({pc}, rsp_plus(pc % 32 == 0 ? 8 : 2000));
    }
    const auto tables = std::move(pages).pack(UNWIND_SLAB_WORDS);
    ASSERT_EQ(tables[0].rules.size(), 4U);
    EXPECT_EQ(tables[0].rules[0].cfa_kind, CFA_NONE);
    EXPECT_EQ(tables[0].rules[3].cfa_offset, 1000);
}

TEST(UnwindPages, ManyRulesMakeWidePages) {
    constexpr uint64_t kPages = 64;
    UnwindPages pages({kFirstPc}, {kFirstPc + kPages * 256});
    std::map<uint64_t, int32_t> set;
    for (uint64_t i = 0; i < kPages * 16; ++i) {
        set[kFirstPc + i * 16 + i % 7] = static_cast<int32_t>(8 * (1 + i % 600));
    }
    set_all(pages, set);
    const auto tables = std::move(pages).pack(UNWIND_SLAB_WORDS);
    ASSERT_EQ(tables.size(), 1U);
    size_t wide = 0;
    for (const uint32_t word : tables[0].index) {
        if ((word & UNWIND_INDEX_SINGLE) == 0 && (word & UNWIND_INDEX_WIDE) != 0) ++wide;
    }
    EXPECT_GT(wide, 0U);
    EXPECT_LT(wide, kPages);
    expect_same(tables, set, kFirstPc + kPages * 256);
}

TEST(UnwindPages, TablesThatDoNotFitAreSplit) {
    constexpr uint64_t kPages = 4096;
    constexpr size_t kMaxWords = 2048;
    UnwindPages pages({kFirstPc}, {kFirstPc + kPages * 256 - 5});
    std::map<uint64_t, int32_t> set;
    for (uint64_t i = 0; i < kPages * 4; ++i) {
        set[kFirstPc + i * 64 + i % 60] = static_cast<int32_t>(8 * (1 + i % 50));
    }
    set_all(pages, set);
    const auto tables = std::move(pages).pack(kMaxWords);
    EXPECT_GT(tables.size(), 2U);
    for (const UnwindTable& table : tables) EXPECT_LE(table.size_words(), kMaxWords);
    expect_same(tables, set, kFirstPc + kPages * 256 - 5);
}

TEST(UnwindPages, APageWithMoreRowsThanTheIndexCountsEndsUnsupported) {
    UnwindPages pages({kFirstPc}, {kFirstPc + 0x200});
    for (uint64_t i = 0; i < 256; ++i) pages.set({kFirstPc + i}, rsp_plus(i % 2 == 0 ? 8 : 16));
    pages.set({kFirstPc + 0x110}, rsp_plus(32));
    EXPECT_GT(pages.unsupported_rows(), 0U);
    const auto tables = std::move(pages).pack(UNWIND_SLAB_WORDS);
    EXPECT_EQ(tables[0].lookup({kFirstPc + 10})->cfa_offset, 8);
    EXPECT_EQ(tables[0].lookup({kFirstPc + 61})->cfa_offset, 16);
    EXPECT_EQ(tables[0].lookup({kFirstPc + 255})->cfa_kind, CFA_UNSUPPORTED);
    EXPECT_EQ(tables[0].lookup({kFirstPc + 0x100})->cfa_offset, 16) << "the next page starts right";
    EXPECT_EQ(tables[0].lookup({kFirstPc + 0x110})->cfa_offset, 32);
}

TEST(UnwindPages, MoreRulesThanNumbersBecomeUnsupported) {
    constexpr uint64_t kRules = 70'000;
    UnwindPages pages({kFirstPc}, {kFirstPc + kRules * 16});
    for (uint64_t i = 0; i < kRules; ++i)
        pages.set({kFirstPc + i * 16}, rsp_plus(static_cast<int32_t>(i + 1)));
    const auto tables = std::move(pages).pack(UNWIND_SLAB_WORDS);
    for (const uint64_t i : {uint64_t{0}, uint64_t{300}, uint64_t{65'000}}) {
        std::optional<unwind_rule> found;
        for (const UnwindTable& table : tables) {
            if (!found) found = table.lookup({kFirstPc + i * 16});
        }
        ASSERT_TRUE(found);
        EXPECT_EQ(found->cfa_offset, static_cast<int32_t>(i + 1));
    }
    EXPECT_EQ(tables.back().lookup({kFirstPc + (kRules - 1) * 16})->cfa_kind, CFA_UNSUPPORTED);
}

}  // namespace
}  // namespace pyebpf::elf
