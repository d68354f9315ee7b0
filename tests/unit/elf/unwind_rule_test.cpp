// SPDX-License-Identifier: Apache-2.0
// Rules of tests/data/elf/frames.S: of call frame information, and of code that has none.
#include <gtest/gtest.h>

#include <ostream>

#include "elf/unwind_table.h"
#include "elf_test_files.h"

bool operator==(const unwind_rule& a, const unwind_rule& b) {
    return a.cfa_kind == b.cfa_kind && a.cfa_offset == b.cfa_offset && a.rbp_kind == b.rbp_kind &&
           a.rbp_offset == b.rbp_offset;
}
std::ostream& operator<<(std::ostream& out, const unwind_rule& rule) {
    return out << "cfa " << int{rule.cfa_kind} << " + " << rule.cfa_offset << ", rbp "
               << int{rule.rbp_kind} << " + " << rule.rbp_offset;
}

namespace pyebpf::elf {
namespace {

// *(register + before) + after
constexpr int32_t deref(int16_t before, int16_t after) {
    return static_cast<int32_t>(static_cast<uint32_t>(static_cast<uint16_t>(after)) << 16 |
                                static_cast<uint16_t>(before));
}

struct Expectation {
    const char* label;
    unwind_rule rule;
};

const Expectation kExpectations[] = {
    {"standard_entry", {8, 0, CFA_RSP, RBP_SAME}},
    {"standard_pushed", {16, -16, CFA_RSP, RBP_AT_CFA}},
    {"standard_body", {16, -16, CFA_RBP, RBP_AT_CFA}},
    {"standard_popped", {8, 0, CFA_RSP, RBP_SAME}},
    {"standard_restored", {16, -16, CFA_RBP, RBP_AT_CFA}},
    {"large_frame_body", {133616, -56, CFA_RSP, RBP_AT_CFA}},
    {"deref_rsp_body", {deref(160, 8), 0, CFA_DEREF_RSP, RBP_SAME}},
    {"deref_rbp_body", {deref(-40, 0), 0, CFA_DEREF_RBP, RBP_AT_RBP}},
    {"deref_minus_body", {deref(8, -16), 0, CFA_DEREF_RSP, RBP_SAME}},
    {"indexed_body", {deref(8, 8), 0, CFA_DEREF_INDEXED, RBP_SAME}},
    {"plt_body", {11, 0, CFA_PLT, RBP_SAME}},
    {"plt_ibt_body", {9, 0, CFA_PLT, RBP_SAME}},
    {"signal_return_body", {0, 0, CFA_SIGNAL, RBP_SAME}},
    {"thread_entry_body", {0, 0, CFA_END, RBP_SAME}},
    {"other_register_body", {0, 0, CFA_REGISTER + 10, RBP_SAME}},
    {"two_registers_body", {0, 0, CFA_UNSUPPORTED, RBP_SAME}},
    {"odd_return_address_body", {0, 0, CFA_UNSUPPORTED, RBP_SAME}},
    {"moved_return_address_body", {0, 0, CFA_UNSUPPORTED, RBP_SAME}},
    {"undefined_rbp_body", {8, 0, CFA_RSP, RBP_UNDEFINED}},
    {"rbp_in_register_body", {8, 0, CFA_RSP, RBP_UNDEFINED}},
    {"same_rbp_body", {8, 0, CFA_RSP, RBP_SAME}},
    {"no_information", {0, 0, CFA_NONE, RBP_SAME}},
    {"after_hole", {8, 0, CFA_RSP, RBP_SAME}},
    {"aligned", {8, 0, CFA_RSP, RBP_SAME}},
    {"aligned_allocated", {88, 0, CFA_RSP, RBP_SAME}},
    {"aligned_saved", {88, 0, CFA_RSP, RBP_SAME}},
    {"aligned_body", {88, -80, CFA_REGISTER + 3, RBP_AT_CFA}},
    {"aligned_restored", {88, 0, CFA_RSP, RBP_SAME}},
    {"aligned_released", {8, 0, CFA_RSP, RBP_SAME}},
    {"framed_pushed", {16, 0, CFA_RSP, RBP_SAME}},
    {"framed_lowered", {80, -16, CFA_RSP, RBP_AT_CFA}},
    {"framed_body", {16, -16, CFA_RBP, RBP_AT_CFA}},
    {"framed_left", {8, 0, CFA_RSP, RBP_SAME}},
    {"branches_pushed", {16, 0, CFA_RSP, RBP_SAME}},
    {"unreached", {0, 0, CFA_NONE, RBP_SAME}},
    {"branches_other", {8, 0, CFA_RSP, RBP_SAME}},
    {"branches_flags", {16, 0, CFA_RSP, RBP_SAME}},
    {"branches_flags_popped", {8, 0, CFA_RSP, RBP_SAME}},
    {"branches_inner", {8, 0, CFA_RSP, RBP_SAME}},
    {"branches_inner_pushed", {16, 0, CFA_RSP, RBP_SAME}},
    {"meeting_pushed", {16, 0, CFA_RSP, RBP_SAME}},
    {"meeting_point", {8, 0, CFA_REGISTER + 11, RBP_UNDEFINED}},
    {"meeting_end", {8, 0, CFA_RSP, RBP_UNDEFINED}},
    {"not_code_body", {0, 0, CFA_NONE, RBP_SAME}},
};

void expect_rules(const std::string& path) {
    const auto file = open_elf(path);
    const auto tables = compile_unwind_tables(*file);
    ASSERT_TRUE(tables) << tables.error().message;
    ASSERT_EQ(tables->size(), 1U);
    for (const auto& [label, rule] : kExpectations) {
        const auto symbol = file->find_symbol(label);
        ASSERT_TRUE(symbol) << label;
        const auto found = tables->front().lookup(symbol->address);
        ASSERT_TRUE(found) << label;
        EXPECT_EQ(*found, rule) << label;
    }
    EXPECT_EQ(tables->front().statistics.bad_descriptions, 0U);
    EXPECT_EQ(tables->front().statistics.unsupported_rows, 3U);
}

TEST(UnwindRule, EveryFormThatOccursHasItsKind) {
    expect_rules(test_path("frames.so"));
}

TEST(UnwindRule, DebugFrameServesWhereThereIsNoEhFrame) {
    ASSERT_NE(open_elf(test_path("frames_debug_frame.so"))->section(".debug_frame"), nullptr);
    expect_rules(test_path("frames_debug_frame.so"));
}

TEST(UnwindRule, SignalFramesAreMarkedInTheirDescription) {
    const auto file = open_elf(test_path("frames.so"));
    const auto symbol = file->find_symbol("signal_return");
    ASSERT_TRUE(symbol);
    size_t signal_frames = 0;
    for (const FrameDescription& description : frame_descriptions(*file)) {
        if (!description.signal_frame) continue;
        ++signal_frames;
        EXPECT_EQ(description.begin, symbol->address);
    }
    EXPECT_EQ(signal_frames, 1U);
}

TEST(UnwindRule, NothingIsCoveredOutsideTheCode) {
    const auto tables = compile_unwind_tables(*open_elf(test_path("frames.so")));
    ASSERT_TRUE(tables);
    EXPECT_FALSE(tables->front().lookup({0}));
    EXPECT_FALSE(tables->front().lookup({UINT64_MAX}));
}

}  // namespace
}  // namespace pyebpf::elf
