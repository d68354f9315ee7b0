// SPDX-License-Identifier: Apache-2.0
#include "pipeline/local_tables.h"

#include <gtest/gtest.h>

namespace pyebpf::pipeline {
namespace {

TEST(LocalTables, GiveBackWhatWasPublished) {
    LocalTables tables;
    python_layout layout{};
    layout.thread_state.thread_id = 100;
    EXPECT_EQ(tables.add_layout(layout).value(), 0u);
    EXPECT_EQ(tables.layout(0)->thread_state_bytes, 108);
    EXPECT_FALSE(tables.layout(1));
    EXPECT_FALSE(tables.layout(NO_PYTHON_LAYOUT));

    EXPECT_FALSE(tables.process(7));
    EXPECT_TRUE(tables.put_process(7, {.ranges_count = 3}));
    EXPECT_EQ(tables.process(7)->ranges_count, 3u);

    tables.put_thread_state(7, 0x1000, 0x2000);
    EXPECT_EQ(tables.thread_state(7, 0x1000), 0x2000u);
    EXPECT_EQ(tables.thread_state(7, 0x1001), 0u);
    EXPECT_EQ(tables.thread_state(8, 0x1000), 0u);
}

TEST(LocalTables, RangesAndSlabsEndSomewhere) {
    LocalTables tables;
    const size_t ranges = tables.code_ranges().size();
    EXPECT_GE(ranges, size_t{MAX_CODE_RANGES});
    tables.code_ranges()[5].start = 0x1234;
    EXPECT_EQ(tables.range(5)->start, 0x1234u);
    EXPECT_EQ(tables.range(static_cast<uint32_t>(ranges)), nullptr);

    EXPECT_EQ(tables.slab(0), nullptr);
    auto slab = tables.add_slab();
    ASSERT_TRUE(slab);
    EXPECT_EQ(slab->words.size(), size_t{UNWIND_SLAB_WORDS});
    slab->words[1] = 9;
    EXPECT_EQ(tables.slab(0)[1], 9u);
    for (size_t i = 1; i < MAX_UNWIND_SLABS; ++i) EXPECT_TRUE(tables.add_slab());
    EXPECT_FALSE(tables.add_slab());
}

}  // namespace
}  // namespace pyebpf::pipeline
