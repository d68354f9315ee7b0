// SPDX-License-Identifier: Apache-2.0
// Runs the instructions of a frame description and reports how each stretch of its code saves the
// caller's registers.
//
// Instructions: DWARF 5 section 6.4.2, and the GNU ones of LSB Core 5.0 section 10.5.3. Only what a
// frame step needs is tracked: the CFA, the frame pointer, the stack pointer and the return
// address.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/addresses.h"
#include "elf/frame_entries.h"

namespace pyebpf::elf {

// Where the caller's value of one register is.
struct RegisterRule {
    enum class Kind : uint8_t {
        kUnspecified,
        kUndefined,
        kSame,
        kAtCfa,            // saved at CFA + offset
        kCfaPlus,          // is CFA + offset
        kRegister,         // in another register
        kAtExpression,     // saved where the expression says
        kExpressionValue,  // is what the expression says
    };
    Kind kind = Kind::kUnspecified;
    int64_t offset = 0;
    std::span<const uint8_t> expression;
};

// The rules in force in one stretch of code.
struct FrameRow {
    bool has_cfa_expression = false;
    uint64_t cfa_register = UINT64_MAX;  // none yet
    int64_t cfa_offset = 0;
    std::span<const uint8_t> cfa_expression;
    RegisterRule frame_pointer;
    RegisterRule stack_pointer;
    RegisterRule return_address;
};

// DWARF numbers of the registers that are tracked.
struct FrameRegisters {
    uint64_t frame_pointer = 0;
    uint64_t stack_pointer = 0;
};

class CallFramePrograms {
  public:
    CallFramePrograms(const FrameEntries& entries, FrameRegisters registers);

    // Calls on_row(first address, row) in ascending order for every stretch of the description;
    // each lasts until the next one or the description's end. False if an instruction is not known
    // or contradicts what came before: then the rows reported so far are worth nothing.
    using OnRow = std::function<void(StatedAddress, const FrameRow&)>;
    [[nodiscard]] bool run(const Description& description, const OnRow& on_row);

  private:
    struct Initial {
        enum class State : uint8_t { kUnknown, kGood, kBad };
        State state = State::kUnknown;
        FrameRow row;
    };
    struct Run;
    [[nodiscard]] RegisterRule* rule_of(FrameRow& row, uint64_t number, uint32_t common) const;
    [[nodiscard]] bool execute(Run& run, ByteCursor program);
    [[nodiscard]] bool execute_extended(Run& run, ByteCursor& program, uint8_t instruction);

    const FrameEntries& entries_;
    const FrameRegisters registers_;
    std::vector<Initial> initial_;      // by common information, computed once
    std::vector<FrameRow> remembered_;  // DW_CFA_remember_state, of the run in progress
};

}  // namespace pyebpf::elf
