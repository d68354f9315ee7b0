// SPDX-License-Identifier: Apache-2.0
// The native walker over made-up stacks: every kind of rule, every way to end, every read failing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/bpf_usermode/made_up_code.h"
#include "walkers/walkers.h"

namespace pyebpf::test {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::Eq;

constexpr uint64_t kCode = 0x555500001000;
constexpr uint64_t kCodeEnd = kCode + 0x10000;
constexpr uint64_t kNoTable = 0x555500100000;   // mapped, without a table
constexpr uint64_t kUnmapped = 0x555500200000;  // in a hole
constexpr uint64_t kStack = 0x7ffc00000000;
constexpr uint64_t kStackBytes = 0x8000;
constexpr uint64_t kStackEnd = kStack + kStackBytes;

// Functions of 256 bytes, one rule each.
constexpr uint64_t function(uint64_t number) {
    return kCode + number * 0x100;
}
constexpr uint64_t inside(uint64_t number) {
    return function(number) + 0x42;
}

constexpr unwind_rule kEnd{.cfa_kind = CFA_END};
constexpr unwind_rule from_rsp(int32_t offset) {
    return {.cfa_offset = offset, .cfa_kind = CFA_RSP};
}
constexpr unwind_rule from_rbp(int32_t offset) {
    return {.cfa_offset = offset, .rbp_offset = -16, .cfa_kind = CFA_RBP, .rbp_kind = RBP_AT_CFA};
}
constexpr unwind_rule dereferenced(uint8_t kind, int16_t at, int16_t plus) {
    return {.cfa_offset =
                static_cast<int32_t>(static_cast<uint32_t>(plus) << 16 | static_cast<uint16_t>(at)),
            .cfa_kind = kind};
}

class NativeWalk : public ::testing::Test {
  protected:
    NativeWalk() {
        memory_.add(kStack, std::vector<uint8_t>(kStackBytes));
        thread_.exact = 1;
        thread_.registers.sp = kStack + 0x100;
        set_rule(0, kEnd);
    }

    void set_rule(uint64_t number, unwind_rule rule) { rules_[function(number)] = rule; }
    void put(uint64_t address, uint64_t value) { memory_.put(address, value); }
    void start(uint64_t ip, uint64_t sp, uint64_t bp = 0) {
        thread_.registers.ip = ip;
        thread_.registers.sp = sp;
        thread_.registers.bp = bp;
        thread_.registers.all[6] = bp;
        thread_.registers.all[7] = sp;
    }
    const native_stack& walk(uint64_t failing_first = 0, uint64_t failing_count = 0) {
        MadeUpCode code;
        // What lies between the functions has no rule.
        std::map<uint64_t, unwind_rule> rules = rules_;
        for (const auto& [address, rule] : rules_)
            rules.try_emplace(address + 0x100, unwind_rule{});
        code.add_rules(kCode, kCodeEnd, rules);
        code.add_range(kCodeEnd, RANGE_HOLE);
        code.add_range(kNoTable, RANGE_NO_TABLE);
        code.add_range(kUnmapped, RANGE_HOLE);
        Surroundings surroundings(memory_);
        surroundings.fail_reads(failing_first, failing_count);
        code.install(surroundings);
        thread_.ranges_count = code.range_count();
        walk_native_thread(&thread_, &stack_);
        reads_ = surroundings.reads();
        read_faults_ = surroundings.counter(COUNTER_READ_FAULTS);
        return stack_;
    }
    std::vector<uint64_t> pcs() const {
        std::vector<uint64_t> result;
        for (uint32_t i = 0; i < stack_.frames; ++i) result.push_back(stack_.list[i].pc);
        return result;
    }
    uint64_t cfa(size_t frame) const { return stack_.list[frame].cfa & ~NATIVE_CFA_FLAGS; }
    uint64_t flags(size_t frame) const { return stack_.list[frame].cfa & NATIVE_CFA_FLAGS; }

    std::map<uint64_t, unwind_rule> rules_;
    ImageMemory memory_;
    native_thread thread_{};
    native_stack stack_{};
    uint64_t reads_ = 0;
    uint64_t read_faults_ = 0;
};

TEST_F(NativeWalk, FollowsTheStackPointer) {
    set_rule(1, from_rsp(8));
    set_rule(2, from_rsp(0x30));
    start(function(1), kStack + 0x100);  // the first instruction: nothing was pushed yet
    put(kStack + 0x100, inside(2));
    put(kStack + 0x108 + 0x28, inside(0));
    EXPECT_EQ(walk().outcome, NATIVE_COMPLETE);
    EXPECT_THAT(pcs(), ElementsAre(function(1), inside(2), inside(0)));
    EXPECT_EQ(cfa(0), kStack + 0x108);
    EXPECT_EQ(cfa(1), kStack + 0x138);
    EXPECT_EQ(cfa(2), 0u);
    EXPECT_EQ(flags(0), NATIVE_PC_EXACT);
    EXPECT_EQ(flags(1), 0u);
}

TEST_F(NativeWalk, RemembersRulesUntilTheRangesChange) {
    set_rule(1, from_rsp(8));
    start(inside(1), kStack + 0x100);
    put(kStack + 0x100, inside(0));
    put(kStack + 0x110, inside(0));
    thread_.ranges_version = 1;
    EXPECT_EQ(walk().outcome, NATIVE_COMPLETE);
    EXPECT_EQ(cfa(0), kStack + 0x108);
    rules_.clear();
    set_rule(0, kEnd);
    set_rule(1, from_rsp(0x18));  // another file at the same address
    EXPECT_EQ(walk().outcome, NATIVE_COMPLETE);
    EXPECT_EQ(cfa(0), kStack + 0x108) << "not looked up again";
    thread_.ranges_version = 2;
    EXPECT_EQ(walk().outcome, NATIVE_COMPLETE);
    EXPECT_EQ(cfa(0), kStack + 0x118);
    EXPECT_THAT(pcs(), ElementsAre(inside(1), inside(0)));
}

TEST_F(NativeWalk, FollowsTheFramePointer) {
    set_rule(1, from_rbp(16));
    set_rule(2, from_rbp(16));
    start(inside(1), kStack + 0x100, kStack + 0x200);
    put(kStack + 0x200, kStack + 0x300);
    put(kStack + 0x208, inside(2));
    put(kStack + 0x308, inside(0));
    EXPECT_EQ(walk().outcome, NATIVE_COMPLETE);
    EXPECT_THAT(pcs(), ElementsAre(inside(1), inside(2), inside(0)));
    EXPECT_EQ(cfa(0), kStack + 0x210);
    EXPECT_EQ(cfa(1), kStack + 0x310);
}

TEST_F(NativeWalk, KeepsTheFramePointerOfFramesThatDoNotUseIt) {
    set_rule(1, from_rsp(8));
    set_rule(2, from_rbp(16));
    start(inside(1), kStack + 0x100, kStack + 0x300);
    put(kStack + 0x100, inside(2));
    put(kStack + 0x308, inside(0));
    EXPECT_EQ(walk().outcome, NATIVE_COMPLETE);
    EXPECT_EQ(cfa(1), kStack + 0x310);
}

TEST_F(NativeWalk, ReadsAFramePointerSavedFarFromTheReturnAddress) {
    for (const int16_t offset : {-16, -24, -56, -64, -72, -2000, 16}) {
        set_rule(1, {.cfa_offset = 0x1000,
                     .rbp_offset = offset,
                     .cfa_kind = CFA_RSP,
                     .rbp_kind = RBP_AT_CFA});
        set_rule(2, from_rbp(16));
        start(inside(1), kStack + 0x100);
        put(kStack + 0x1100 - 8, inside(2));
        put(kStack + 0x1100 + static_cast<uint64_t>(int64_t{offset}), kStack + 0x2000);
        put(kStack + 0x2008, inside(0));
        EXPECT_EQ(walk().outcome, NATIVE_COMPLETE) << offset;
        EXPECT_EQ(cfa(1), kStack + 0x2010) << offset;
    }
}

TEST_F(NativeWalk, UnwindsARealignedFrame) {
    // As GCC realigns: cfa = *(rbp - 8), rbp saved at rbp.
    unwind_rule rule = dereferenced(CFA_DEREF_RBP, -8, 0);
    rule.rbp_kind = RBP_AT_RBP;
    set_rule(1, rule);
    set_rule(2, from_rbp(16));
    start(inside(1), kStack + 0x100, kStack + 0x200);
    put(kStack + 0x1f8, kStack + 0x240);
    put(kStack + 0x200, kStack + 0x400);
    put(kStack + 0x238, inside(2));
    put(kStack + 0x408, inside(0));
    EXPECT_EQ(walk().outcome, NATIVE_COMPLETE);
    EXPECT_EQ(cfa(0), kStack + 0x240);
    EXPECT_EQ(cfa(1), kStack + 0x410);
}

TEST_F(NativeWalk, ReadsACfaFromTheStack) {
    set_rule(1, dereferenced(CFA_DEREF_RSP, 24, -16));
    start(inside(1), kStack + 0x100);
    put(kStack + 0x118, kStack + 0x310);
    put(kStack + 0x2f8, inside(0));
    EXPECT_EQ(walk().outcome, NATIVE_COMPLETE);
    EXPECT_EQ(cfa(0), kStack + 0x300);
}

TEST_F(NativeWalk, ReadsACfaBehindAnArrayOnTheStackInTheLeafOnly) {
    set_rule(1, dereferenced(CFA_DEREF_INDEXED, 8, 8));
    set_rule(2, from_rsp(8));
    start(inside(1), kStack + 0x100);
    thread_.registers.all[9] = 32;
    put(kStack + 0x208, kStack + 0x2f8);
    put(kStack + 0x2f8, inside(0));
    EXPECT_EQ(walk().outcome, NATIVE_COMPLETE);
    EXPECT_EQ(cfa(0), kStack + 0x300);

    start(inside(2), kStack + 0x100);
    put(kStack + 0x100, inside(1));
    EXPECT_EQ(walk().outcome, NATIVE_UNSUPPORTED_RULE);
}

TEST_F(NativeWalk, KnowsHowMuchALazyPltEntryPushed) {
    set_rule(1, {.cfa_offset = 11, .cfa_kind = CFA_PLT});
    put(kStack + 0x100, inside(0));
    put(kStack + 0x108, inside(0));
    start(function(1) + 0x20 + 10, kStack + 0x100);
    EXPECT_EQ(walk().outcome, NATIVE_COMPLETE);
    EXPECT_EQ(cfa(0), kStack + 0x108);
    start(function(1) + 0x20 + 11, kStack + 0x100);
    EXPECT_EQ(walk().outcome, NATIVE_COMPLETE);
    EXPECT_EQ(cfa(0), kStack + 0x110);
}

TEST_F(NativeWalk, UsesAnyRegisterInTheLeafOnly) {
    set_rule(1, {.cfa_offset = 8, .cfa_kind = CFA_REGISTER + 10});
    set_rule(2, from_rsp(8));
    start(inside(1), kStack + 0x100);
    thread_.registers.all[10] = kStack + 0x200;
    put(kStack + 0x200, inside(0));
    EXPECT_EQ(walk().outcome, NATIVE_COMPLETE);
    EXPECT_EQ(cfa(0), kStack + 0x208);

    start(inside(2), kStack + 0x100);
    put(kStack + 0x100, inside(1));
    EXPECT_EQ(walk().outcome, NATIVE_UNSUPPORTED_RULE);
    EXPECT_THAT(pcs(), ElementsAre(inside(2), inside(1)));

    start(inside(1), kStack + 0x100);
    thread_.exact = 0;  // in a system call: its registers are not all the program's
    EXPECT_EQ(walk().outcome, NATIVE_UNSUPPORTED_RULE);
}

TEST_F(NativeWalk, CrossesASignalFrame) {
    set_rule(1, from_rsp(8));                    // the handler
    set_rule(2, {.cfa_kind = CFA_SIGNAL});       // the restorer it returns to
    set_rule(3, from_rsp(0x10));                 // interrupted at its first instruction
    set_rule(4, {.cfa_kind = CFA_UNSUPPORTED});  // before it: the rule of pc - 1 would be this one
    rules_[function(4)] = {.cfa_kind = CFA_UNSUPPORTED};
    const uint64_t context = kStack + 0x108;
    start(inside(1), kStack + 0x100);
    put(kStack + 0x100, function(2) + 1);
    put(context + 120, kStack + 0x5000);  // rbp
    put(context + 160, kStack + 0x4000);  // rsp
    put(context + 168, function(5));      // rip
    rules_[function(5)] = from_rsp(0x10);
    set_rule(6, from_rbp(16));
    put(kStack + 0x4008, inside(6));
    put(kStack + 0x5008, inside(0));
    EXPECT_EQ(walk().outcome, NATIVE_COMPLETE);
    EXPECT_THAT(pcs(), ElementsAre(inside(1), function(2) + 1, function(5), inside(6), inside(0)));
    EXPECT_EQ(cfa(1), 0u);
    EXPECT_EQ(flags(1), NATIVE_PC_EXACT) << "the restorer was not called: it has no call before it";
    EXPECT_EQ(flags(2), NATIVE_PC_EXACT);
    EXPECT_EQ(cfa(2), kStack + 0x4010);
    EXPECT_EQ(cfa(3), kStack + 0x5010);
}

TEST_F(NativeWalk, LooksUpTheCallNotTheReturnAddress) {
    // A call of a function that does not return is the caller's last instruction.
    set_rule(1, from_rsp(8));
    set_rule(2, from_rsp(16));
    set_rule(3, {.cfa_kind = CFA_UNSUPPORTED});
    start(inside(1), kStack + 0x100);
    put(kStack + 0x100, function(3));
    put(kStack + 0x110, inside(0));
    EXPECT_EQ(walk().outcome, NATIVE_COMPLETE);
    EXPECT_EQ(cfa(1), kStack + 0x118);
}

TEST_F(NativeWalk, AnUnknownFramePointerIsNotUsed) {
    set_rule(1, {.cfa_offset = 8, .cfa_kind = CFA_RSP, .rbp_kind = RBP_UNDEFINED});
    set_rule(2, from_rbp(16));
    start(inside(1), kStack + 0x100, kStack + 0x200);
    put(kStack + 0x100, inside(2));
    put(kStack + 0x208, inside(0));
    EXPECT_EQ(walk().outcome, NATIVE_BAD_CFA);
    EXPECT_THAT(pcs(), ElementsAre(inside(1), inside(2)));
}

TEST_F(NativeWalk, GuessesByFramePointerWhereThereIsNoRule) {
    set_rule(1, from_rsp(8));
    for (const uint64_t ip : {inside(9), kNoTable + 0x10, kUnmapped + 0x10}) {
        start(ip, kStack + 0x100, kStack + 0x200);
        put(kStack + 0x200, kStack + 0x300);
        put(kStack + 0x208, inside(1));
        put(kStack + 0x210, inside(0));
        EXPECT_EQ(walk().outcome, NATIVE_COMPLETE) << std::hex << ip;
        EXPECT_EQ(flags(0), NATIVE_PC_EXACT | NATIVE_FROM_GUESS);
        EXPECT_EQ(flags(1), 0u);
        EXPECT_EQ(cfa(0), kStack + 0x210);
    }
}

TEST_F(NativeWalk, SaysWhyThereIsNoRule) {
    for (const uint64_t bp :
         {uint64_t{0}, kStack + 0xf8, kStack + 0x204, kStack + 0x100 + (1 << 20) + 8}) {
        start(inside(9), kStack + 0x100, bp);
        EXPECT_EQ(walk().outcome, NATIVE_NO_ROW) << std::hex << bp;
        start(kNoTable + 0x10, kStack + 0x100, bp);
        EXPECT_EQ(walk().outcome, NATIVE_NO_TABLE);
        start(kUnmapped + 0x10, kStack + 0x100, bp);
        EXPECT_EQ(walk().outcome, NATIVE_NO_MAPPING);
        start(kCode - 0x10, kStack + 0x100, bp);  // before the first range
        EXPECT_EQ(walk().outcome, NATIVE_NO_MAPPING);
        EXPECT_THAT(pcs(), ElementsAre(kCode - 0x10));
    }
}

TEST_F(NativeWalk, AProcessWithoutRangesIsWalkedByFramePointers) {
    start(inside(1), kStack + 0x100, kStack + 0x200);
    put(kStack + 0x208, 0);
    Surroundings surroundings(memory_);
    walk_native_thread(&thread_, &stack_);
    EXPECT_EQ(stack_.outcome, NATIVE_COMPLETE);
    EXPECT_EQ(stack_.frames, 1u);
}

TEST_F(NativeWalk, ACfaMustLeadTowardTheRoot) {
    for (const int32_t offset : {0, -8, -0x1000, 12}) {
        set_rule(1, from_rsp(offset));
        start(inside(1), kStack + 0x100);
        EXPECT_EQ(walk().outcome, NATIVE_BAD_CFA) << offset;
        EXPECT_EQ(stack_.frames, 1u);
    }
    set_rule(1, from_rbp(16));
    for (const uint64_t bp : std::initializer_list<uint64_t>{0, kStack + 0xf0, kStack + 0x203,
                                                             USER_ADDRESS_MAX, ~0ull - 15}) {
        start(inside(1), kStack + 0x100, bp);
        EXPECT_EQ(walk().outcome, NATIVE_BAD_CFA) << std::hex << bp;
    }
}

TEST_F(NativeWalk, AnAbsentStackIsAFault) {
    set_rule(1, from_rsp(8));
    start(inside(1), kStackEnd + 0x100);
    EXPECT_EQ(walk().outcome, NATIVE_FAULT_STACK);
    EXPECT_THAT(pcs(), ElementsAre(inside(1)));
    EXPECT_EQ(read_faults_, 1u);
}

TEST_F(NativeWalk, ANullReturnAddressIsTheRoot) {
    set_rule(1, from_rsp(8));
    start(inside(1), kStack + 0x100);
    EXPECT_EQ(walk().outcome, NATIVE_COMPLETE);
    EXPECT_EQ(stack_.frames, 1u);
    EXPECT_EQ(cfa(0), kStack + 0x108);
}

TEST_F(NativeWalk, EndlessRecursionEndsAtTheLimit) {
    set_rule(1, from_rsp(8));
    start(inside(1), kStack + 0x100);
    for (uint64_t i = 0; i < 2 * MAX_NATIVE_FRAMES; ++i) put(kStack + 0x100 + 8 * i, inside(1));
    EXPECT_EQ(walk().outcome, NATIVE_TRUNCATED);
    EXPECT_EQ(stack_.frames, uint32_t{MAX_NATIVE_FRAMES});
}

TEST_F(NativeWalk, SignalFramesThatLeadToEachOtherEndAtTheLimit) {
    set_rule(1, {.cfa_kind = CFA_SIGNAL});
    start(inside(1), kStack + 0x100);
    put(kStack + 0x100 + 160, kStack + 0x100);
    put(kStack + 0x100 + 168, inside(1));
    EXPECT_EQ(walk().outcome, NATIVE_TRUNCATED);
    EXPECT_EQ(stack_.frames, uint32_t{MAX_NATIVE_FRAMES});
}

// Frames of different sizes up to the last word of the stack: they lie across the borders of every
// window.
class NativeStack : public NativeWalk {
  protected:
    NativeStack() {
        set_rule(1, from_rbp(16));
        for (uint64_t i = 0; i < 40; ++i) {
            const auto words = static_cast<int32_t>(2 + i * 7 % 60);
            set_rule(10 + i,
                     {.cfa_offset = words * 8,
                      .rbp_offset = static_cast<int16_t>(i % 3 == 0 ? -8 * (words % 12 + 2) : 0),
                      .cfa_kind = CFA_RSP,
                      .rbp_kind = static_cast<uint8_t>(i % 3 == 0 ? RBP_AT_CFA : RBP_SAME)});
        }
        // From the root, whose return address is the last word of the stack, down to the leaf.
        uint64_t sp = kStackEnd - 8;
        put(sp, inside(0));
        expected_.push_back(inside(0));
        uint64_t number = 0;
        while (sp > kStack + 0x1000) {
            const uint64_t callee = 10 + number++ % 40;
            const unwind_rule& rule = rules_.at(function(callee));
            const uint64_t cfa = sp + 8;
            sp = cfa - static_cast<uint64_t>(rule.cfa_offset);
            if (rule.rbp_kind == RBP_AT_CFA &&
                cfa + static_cast<uint64_t>(int64_t{rule.rbp_offset}) < cfa - 8) {
                put(cfa + static_cast<uint64_t>(int64_t{rule.rbp_offset}), 0x1234);
            }
            expected_.insert(expected_.begin(), inside(callee));
            last_sp_ = sp;
            if (sp - 8 <= kStack + 0x1000) break;
            sp -= 8;
            put(sp, inside(callee));
        }
        start(expected_.front(), last_sp_);
    }
    std::vector<uint64_t> expected_;  // leaf first
    uint64_t last_sp_ = 0;
};

TEST_F(NativeStack, IsWalkedAcrossWindows) {
    EXPECT_EQ(walk().outcome, NATIVE_COMPLETE);
    EXPECT_EQ(pcs(), expected_);
    EXPECT_EQ(read_faults_, 0u);
    // 28 KiB of stack in windows of 2 KiB; the last one runs into the end of the stack and is read
    // again up to there.
    EXPECT_LT(reads_, 20u) << reads_;
    EXPECT_GT(reads_, 14u);
}

TEST_F(NativeStack, AnyFailingWindowIsReadInPieces) {
    walk();
    const uint64_t reads = reads_;
    for (uint64_t number = 0; number < reads; ++number) {
        walk(number, 1);
        const bool is_whole = stack_.outcome == NATIVE_COMPLETE;
        // Near the stack's end the windows fail by themselves, and the piece is what the test
        // fails.
        EXPECT_THAT(stack_.outcome, AnyOf(Eq(NATIVE_COMPLETE), Eq(NATIVE_FAULT_STACK)));
        EXPECT_EQ(read_faults_, is_whole ? 0u : 1u);
        const std::vector<uint64_t> found = pcs();
        ASSERT_LE(found.size(), expected_.size());
        EXPECT_TRUE(std::equal(found.begin(), found.end(), expected_.begin()));
        EXPECT_EQ(is_whole, found.size() == expected_.size());
    }
}

TEST_F(NativeStack, AnyAbsentPieceIsAFaultAndKeepsTheFramesAbove) {
    walk();
    const uint64_t reads = reads_;
    // The window, the part of it that is in its page, and the piece alone.
    for (uint64_t number = 0; number + 3 <= reads; ++number) {
        walk(number, 3);
        EXPECT_EQ(stack_.outcome, NATIVE_FAULT_STACK) << number;
        EXPECT_GE(read_faults_, 1u);
        const std::vector<uint64_t> found = pcs();
        ASSERT_LT(found.size(), expected_.size());
        EXPECT_TRUE(std::equal(found.begin(), found.end(), expected_.begin()));
    }
}

TEST_F(NativeStack, AnyChangedWordIsSurvived) {
    uint64_t random = 0x9e3779b97f4a7c15ull;
    const auto next = [&random] {
        random ^= random << 13;
        random ^= random >> 7;
        return random ^= random << 17;
    };
    for (int round = 0; round < 500; ++round) {
        const uint64_t address = last_sp_ + next() % ((kStackEnd - last_sp_) / 8) * 8;
        uint64_t before = 0;
        ASSERT_TRUE(memory_.read(address, {reinterpret_cast<uint8_t*>(&before), sizeof(before)}));
        const uint64_t values[] = {~0ull,         1,          kStack, kNoTable + 1,
                                   kUnmapped + 1, 1ull << 47, next(), before ^ 1ull << next() % 64};
        put(address, values[next() % std::size(values)]);
        start(expected_.front(), last_sp_,
              next() % 2 != 0 ? kStack + next() % kStackBytes : next());
        walk();
        EXPECT_LE(stack_.frames, uint32_t{MAX_NATIVE_FRAMES});
        EXPECT_NE(stack_.outcome, NATIVE_NOT_TAKEN);
        put(address, before);
    }
    start(expected_.front(), last_sp_);
    EXPECT_EQ(walk().outcome, NATIVE_COMPLETE);
    EXPECT_EQ(pcs(), expected_);
}

TEST(NativeRanges, EveryRangeIsFound) {
    ImageMemory memory;
    for (const size_t count : {1, 2, 3, 5, 64, 1000, (1 << MAX_PROCESS_RANGES_LOG2) - 1}) {
        MadeUpCode code;
        for (size_t i = 0; i < count; ++i)
            code.add_range(kCode + i * 0x1000, i % 3 == 2 ? RANGE_HOLE : RANGE_NO_TABLE);
        Surroundings surroundings(memory);
        code.install(surroundings);
        native_thread thread{};
        thread.ranges_count = code.range_count();
        thread.exact = 1;
        thread.registers.sp = kStack;
        native_stack stack;
        for (size_t i = 0; i < count; ++i) {
            for (const uint64_t within : {0, 0xfff}) {
                thread.registers.ip = kCode + i * 0x1000 + within;
                walk_native_thread(&thread, &stack);
                ASSERT_EQ(stack.outcome, i % 3 == 2 ? NATIVE_NO_MAPPING : NATIVE_NO_TABLE)
                    << i << " of " << count;
            }
        }
        thread.registers.ip = kCode - 1;
        walk_native_thread(&thread, &stack);
        EXPECT_EQ(stack.outcome, NATIVE_NO_MAPPING);
    }
}

}  // namespace
}  // namespace pyebpf::test
