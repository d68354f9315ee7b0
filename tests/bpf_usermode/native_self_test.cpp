// SPDX-License-Identifier: Apache-2.0
// The native walker over this very process, with the tables that user space builds for it: the same
// frames as the compiler's own unwinder, and the same rule at every address.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <csignal>
#include <cstdlib>
#include <memory>

#include "elf/elf_file.h"
#include "elf/unwind_table.h"
#include "sys/proc.h"
#include "tests/bpf_usermode/made_up_code.h"
#include "walkers/walkers.h"

namespace pyebpf::test {
namespace {

class OwnMemory : public Memory {
  public:
    bool read(uint64_t address, std::span<uint8_t> to) override {
        return sys::read_memory(static_cast<uint32_t>(getpid()), address, to.data(), to.size());
    }
};

struct OwnTable {
    uint64_t start = 0;  // of the mapping
    uint64_t end = 0;
    LoadBias bias;
    elf::UnwindTable table;
};

// The tables of what this process has mapped, as the publisher lists them.
struct OwnCode {
    MadeUpCode code;
    std::vector<OwnTable> tables;

    OwnCode() {
        uint64_t end = 0;
        for (const sys::ProcMapping& mapping : sys::read_maps(static_cast<uint32_t>(getpid()))) {
            if (!mapping.executable) continue;
            if (end != 0 && end < mapping.start) code.add_range(end, RANGE_HOLE);
            end = mapping.end;
            const auto file = mapping.inode != 0
                                  ? elf::ElfFile::open(mapping.path)
                                  : Result<std::shared_ptr<const elf::ElfFile>>(fail(""));
            const auto bias =
                file ? (*file)->load_bias({mapping.start}, {mapping.file_offset}) : std::nullopt;
            auto compiled = file ? elf::compile_unwind_tables(**file)
                                 : Result<std::vector<elf::UnwindTable>>(fail(""));
            if (!bias || !compiled || compiled->size() != 1) {
                code.add_range(mapping.start, RANGE_NO_TABLE);
                continue;
            }
            code.add_table(compiled->front(), mapping.start, bias->value);
            tables.push_back({mapping.start, mapping.end, *bias, std::move(compiled->front())});
        }
        code.add_range(end, RANGE_HOLE);
    }
};

struct Unwound {
    std::vector<uint64_t> pcs;
    std::vector<uint64_t> sps;  // stack pointer in the frame: the CFA of the frame before
};

_Unwind_Reason_Code note_frame(_Unwind_Context* context, void* argument) {
    auto& unwound = *static_cast<Unwound*>(argument);
    unwound.pcs.push_back(_Unwind_GetIP(context));
    unwound.sps.push_back(_Unwind_GetCFA(context));
    return _URC_NO_REASON;
}

struct Taken {
    native_stack stack{};
    Unwound unwound;
};

user_registers registers_of(const mcontext_t& context) {
    // DWARF numbers 0-15: System V ABI, AMD64 supplement, figure 3.36.
    static constexpr int kRegisters[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                         REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                         REG_R12, REG_R13, REG_R14, REG_R15};
    user_registers registers{};
    for (size_t i = 0; i < std::size(kRegisters); ++i) {
        registers.all[i] = static_cast<uint64_t>(context.gregs[kRegisters[i]]);
    }
    registers.ip = static_cast<uint64_t>(context.gregs[REG_RIP]);
    registers.sp = static_cast<uint64_t>(context.gregs[REG_RSP]);
    registers.bp = static_cast<uint64_t>(context.gregs[REG_RBP]);
    return registers;
}

// Takes this thread's stack in both ways. The frames from the caller on are alive in both, and must
// be equal.
[[gnu::noinline]] void take_stack(OwnCode& own, Taken& taken) {
    ucontext_t context;
    getcontext(&context);
    OwnMemory memory;
    Surroundings surroundings(memory);
    own.code.install(surroundings);
    native_thread thread{};
    thread.registers = registers_of(context.uc_mcontext);
    thread.exact = 1;
    thread.ranges_count = own.code.range_count();
    walk_native_thread(&thread, &taken.stack);
    _Unwind_Backtrace(note_frame, &taken.unwound);
}

void expect_equal_from(const Taken& taken, uint32_t first_walked, size_t first_unwound) {
    const native_stack& stack = taken.stack;
    EXPECT_EQ(stack.outcome, NATIVE_COMPLETE);
    ASSERT_GT(stack.frames, first_walked + 5);
    // The unwinder may or may not show the frame below the entry of the thread.
    const size_t unwound_frames = taken.unwound.pcs.size() - first_unwound;
    const size_t walked_frames = stack.frames - first_walked;
    EXPECT_LE(std::max(unwound_frames, walked_frames) - std::min(unwound_frames, walked_frames),
              1u);
    for (size_t i = 0; i < std::min(unwound_frames, walked_frames); ++i) {
        EXPECT_EQ(stack.list[first_walked + i].pc, taken.unwound.pcs[first_unwound + i]) << i;
        EXPECT_EQ(stack.list[first_walked + i].cfa & NATIVE_FROM_GUESS, 0u);
        if (i == 0) continue;
        EXPECT_EQ(stack.list[first_walked + i - 1].cfa & ~NATIVE_CFA_FLAGS,
                  taken.unwound.sps[first_unwound + i])
            << i;
    }
}

// Functions whose frames differ: small, with arrays of a size known at run time only, realigned.
[[gnu::noinline]] void descend(OwnCode& own, Taken& taken, int depth);

[[gnu::noinline]] void with_dynamic_frame(OwnCode& own, Taken& taken, int depth) {
    auto* volatile bytes = static_cast<uint8_t*>(alloca(static_cast<size_t>(depth) * 100 + 1));
    bytes[0] = 1;
    descend(own, taken, depth);
    bytes[0] = 2;
}

[[gnu::noinline]] void with_realigned_frame(OwnCode& own, Taken& taken, int depth) {
    alignas(128) volatile uint8_t bytes[256];
    bytes[0] = static_cast<uint8_t>(depth);
    auto* volatile more = static_cast<uint8_t*>(alloca(static_cast<size_t>(depth) * 10 + 1));
    more[0] = bytes[0];
    descend(own, taken, depth);
    bytes[1] = more[0];
}

void descend(OwnCode& own, Taken& taken, int depth) {
    if (depth == 0) {
        take_stack(own, taken);
    } else if (depth % 2 == 0) {
        with_dynamic_frame(own, taken, depth - 1);
    } else {
        with_realigned_frame(own, taken, depth - 1);
    }
    asm volatile("");  // no tail calls
}

TEST(OwnStack, IsTheCompilersUnwindersStack) {
    OwnCode own;
    Taken taken;
    descend(own, taken, 12);
    // Both begin with take_stack itself, at another instruction.
    EXPECT_EQ(taken.stack.list[0].cfa & NATIVE_CFA_FLAGS, NATIVE_PC_EXACT);
    size_t first_unwound = 0;
    while (first_unwound < taken.unwound.pcs.size() &&
           taken.unwound.pcs[first_unwound] != taken.stack.list[1].pc)
        ++first_unwound;
    ASSERT_LT(first_unwound, taken.unwound.pcs.size());
    expect_equal_from(taken, 1, first_unwound);
    EXPECT_GT(taken.stack.frames, 24u);
}

OwnCode* handler_code = nullptr;
Taken* handler_taken = nullptr;

void take_stack_in_handler(int) {
    take_stack(*handler_code, *handler_taken);
    asm volatile("");  // no tail call
}

TEST(OwnStack, ReachesWhatASignalInterrupted) {
    OwnCode own;
    Taken taken;
    handler_code = &own;
    handler_taken = &taken;
    struct sigaction action{};
    action.sa_handler = take_stack_in_handler;
    struct sigaction before{};
    ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
    raise(SIGUSR1);
    ASSERT_EQ(sigaction(SIGUSR1, &before, nullptr), 0);

    const native_stack& stack = taken.stack;
    EXPECT_EQ(stack.outcome, NATIVE_COMPLETE);
    // take_stack, the handler, the restorer (without a CFA), and what was interrupted (exact).
    ASSERT_GT(stack.frames, 8u);
    EXPECT_EQ(stack.list[2].cfa, NATIVE_PC_EXACT);
    EXPECT_EQ(stack.list[3].cfa & NATIVE_CFA_FLAGS, NATIVE_PC_EXACT);
    const auto& pcs = taken.unwound.pcs;
    for (uint32_t i = 1; i + 1 < stack.frames; ++i) {
        EXPECT_NE(std::ranges::find(pcs, stack.list[i].pc), pcs.end()) << i;
    }
}

TEST(OwnCode, HasTheSameRuleAtEveryAddressAsTheTable) {
    OwnCode own;
    OwnMemory memory;
    Surroundings surroundings(memory);
    own.code.install(surroundings);
    ASSERT_GE(own.tables.size(), 3u);  // this program, libstdc++, libc
    uint64_t compared = 0;
    uint64_t different = 0;
    for (const OwnTable& one : own.tables) {
        // Every address of the first half MiB, then every 13th: 13 and the page size have no common
        // factor.
        for (uint64_t address = one.start; address < one.end;
             address += address - one.start < (1 << 19) ? 1 : 13) {
            const auto expected =
                one.table.lookup(MappedAddress{address} - one.bias).value_or(unwind_rule{});
            const unwind_rule found = unwind_rule_at(address, 0, own.code.range_count());
            ++compared;
            if (std::memcmp(&found, &expected, sizeof(found)) != 0) ++different;
        }
    }
    EXPECT_EQ(different, 0u);
    EXPECT_GT(compared, 500'000u);
}

}  // namespace
}  // namespace pyebpf::test
