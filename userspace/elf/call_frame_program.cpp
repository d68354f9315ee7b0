// SPDX-License-Identifier: Apache-2.0
#include "elf/call_frame_program.h"

#include <algorithm>

namespace pyebpf::elf {

namespace {

// Compilers nest one deep; more only lets a file of one-byte instructions take a hundred times its
// size in memory.
constexpr size_t kMaxRemembered = 256;

enum Instruction : uint8_t {
    kAdvanceLoc = 0x40,  // the upper two bits; the lower six are an operand
    kOffset = 0x80,
    kRestore = 0xc0,
    kOperandMask = 0x3f,

    kNop = 0x00,
    kSetLoc = 0x01,
    kAdvanceLoc1 = 0x02,
    kAdvanceLoc2 = 0x03,
    kAdvanceLoc4 = 0x04,
    kOffsetExtended = 0x05,
    kRestoreExtended = 0x06,
    kUndefined = 0x07,
    kSameValue = 0x08,
    kRegister = 0x09,
    kRememberState = 0x0a,
    kRestoreState = 0x0b,
    kDefCfa = 0x0c,
    kDefCfaRegister = 0x0d,
    kDefCfaOffset = 0x0e,
    kDefCfaExpression = 0x0f,
    kExpression = 0x10,
    kOffsetExtendedSf = 0x11,
    kDefCfaSf = 0x12,
    kDefCfaOffsetSf = 0x13,
    kValOffset = 0x14,
    kValOffsetSf = 0x15,
    kValExpression = 0x16,
    kMipsAdvanceLoc8 = 0x1d,
    kGnuArgsSize = 0x2e,
    kGnuNegativeOffsetExtended = 0x2f,
};

// Hostile factors may overflow; the product is then as wrong as the factors, but defined.
int64_t scaled(uint64_t number, int64_t factor) {
    return static_cast<int64_t>(number * static_cast<uint64_t>(factor));
}

}  // namespace

struct CallFramePrograms::Run {
    const CommonInformation& common;
    uint32_t common_index;
    FrameRow row;
    const FrameRow* initial;  // null while the common instructions themselves run
    StatedAddress pc;
    StatedAddress end;
    const OnRow* on_row;  // null while the common instructions run
    bool is_past_end = false;

    // The row is complete up to the new address.
    [[nodiscard]] bool advance_to(StatedAddress next) {
        if (on_row == nullptr || next < pc) return false;
        if (next == pc) return true;
        (*on_row)(pc, row);
        pc = next;
        is_past_end = next >= end;
        return true;
    }
    [[nodiscard]] bool advance_by(uint64_t units) {
        const uint64_t left = end - pc;
        if (common.code_alignment != 0 && units > left / common.code_alignment) {
            return advance_to(end);
        }
        return advance_to(pc + units * common.code_alignment);
    }
};

CallFramePrograms::CallFramePrograms(const FrameEntries& entries, FrameRegisters registers)
    : entries_(entries), registers_(registers), initial_(entries.common_count()) {}

bool CallFramePrograms::run(const Description& description, const OnRow& on_row) {
    const CommonInformation& common = entries_.common(description.common);
    Initial& initial = initial_[description.common];
    if (initial.state == Initial::State::kUnknown) {
        Run run{.common = common,
                .common_index = description.common,
                .row = {},
                .initial = nullptr,
                .pc = {},
                .end = {},
                .on_row = nullptr};
        remembered_.clear();
        const bool is_good = execute(run, ByteCursor(common.instructions));
        initial = {is_good ? Initial::State::kGood : Initial::State::kBad, run.row};
    }
    if (initial.state == Initial::State::kBad) return false;
    Run run{.common = common,
            .common_index = description.common,
            .row = initial.row,
            .initial = &initial.row,
            .pc = description.begin,
            .end = description.end,
            .on_row = &on_row};
    remembered_.clear();
    if (!execute(run, ByteCursor(description.instructions))) return false;
    return run.is_past_end || run.advance_to(description.end);
}

RegisterRule* CallFramePrograms::rule_of(FrameRow& row, uint64_t number, uint32_t common) const {
    if (number == entries_.common(common).return_register) return &row.return_address;
    if (number == registers_.frame_pointer) return &row.frame_pointer;
    if (number == registers_.stack_pointer) return &row.stack_pointer;
    return nullptr;
}

bool CallFramePrograms::execute(Run& run, ByteCursor program) {
    const auto set = [&](uint64_t number, RegisterRule rule) {
        if (RegisterRule* tracked = rule_of(run.row, number, run.common_index)) *tracked = rule;
    };
    const auto restore = [&](uint64_t number) {
        if (run.initial == nullptr) return false;
        FrameRow initial = *run.initial;
        if (const RegisterRule* rule = rule_of(initial, number, run.common_index))
            set(number, *rule);
        return true;
    };
    while (!program.at_end() && !run.is_past_end) {
        const uint8_t instruction = program.fixed<uint8_t>();
        const uint8_t operand = instruction & kOperandMask;
        bool is_good = true;
        switch (instruction & ~kOperandMask) {
            case kAdvanceLoc:
                is_good = run.advance_by(operand);
                break;
            case kOffset:
                set(operand,
                    {.kind = RegisterRule::Kind::kAtCfa,
                     .offset = scaled(program.unsigned_leb128(), run.common.data_alignment)});
                break;
            case kRestore:
                is_good = restore(operand);
                break;
            default:
                is_good = instruction == kRestoreExtended
                              ? restore(program.unsigned_leb128())
                              : execute_extended(run, program, instruction);
        }
        if (!is_good || !program.ok()) return false;
    }
    return program.ok();
}

// Instructions that take the whole byte.
bool CallFramePrograms::execute_extended(Run& run, ByteCursor& program, uint8_t instruction) {
    using Kind = RegisterRule::Kind;
    const int64_t factor = run.common.data_alignment;
    FrameRow& row = run.row;
    const auto set = [&](uint64_t number, RegisterRule rule) {
        if (RegisterRule* tracked = rule_of(row, number, run.common_index)) *tracked = rule;
        return true;
    };
    const auto block = [&] { return program.take(program.unsigned_leb128()); };
    switch (instruction) {
        case kNop:
            return true;
        case kSetLoc: {
            const auto target =
                entries_.pointers(run.common_index).read(program, run.common.pointer_encoding);
            return target && run.advance_to({*target});
        }
        case kAdvanceLoc1:
            return run.advance_by(program.fixed<uint8_t>());
        case kAdvanceLoc2:
            return run.advance_by(program.fixed<uint16_t>());
        case kAdvanceLoc4:
            return run.advance_by(program.fixed<uint32_t>());
        case kMipsAdvanceLoc8:
            return run.advance_by(program.fixed<uint64_t>());
        case kUndefined:
            return set(program.unsigned_leb128(), {.kind = Kind::kUndefined});
        case kSameValue:
            return set(program.unsigned_leb128(), {.kind = Kind::kSame});
        case kOffsetExtended: {
            const uint64_t number = program.unsigned_leb128();
            return set(number, {Kind::kAtCfa, scaled(program.unsigned_leb128(), factor), {}});
        }
        case kOffsetExtendedSf: {
            const uint64_t number = program.unsigned_leb128();
            const auto offset = static_cast<uint64_t>(program.signed_leb128());
            return set(number, {Kind::kAtCfa, scaled(offset, factor), {}});
        }
        case kGnuNegativeOffsetExtended: {
            const uint64_t number = program.unsigned_leb128();
            const uint64_t offset = uint64_t{0} - program.unsigned_leb128();
            return set(number, {Kind::kAtCfa, scaled(offset, factor), {}});
        }
        case kValOffset: {
            const uint64_t number = program.unsigned_leb128();
            return set(number, {Kind::kCfaPlus, scaled(program.unsigned_leb128(), factor), {}});
        }
        case kValOffsetSf: {
            const uint64_t number = program.unsigned_leb128();
            const auto offset = static_cast<uint64_t>(program.signed_leb128());
            return set(number, {Kind::kCfaPlus, scaled(offset, factor), {}});
        }
        case kRegister: {
            const uint64_t number = program.unsigned_leb128();
            program.unsigned_leb128();
            return set(number, {.kind = Kind::kRegister});
        }
        case kExpression: {
            const uint64_t number = program.unsigned_leb128();
            return set(number, {Kind::kAtExpression, 0, block()});
        }
        case kValExpression: {
            const uint64_t number = program.unsigned_leb128();
            return set(number, {Kind::kExpressionValue, 0, block()});
        }
        case kDefCfa:
            row.cfa_register = program.unsigned_leb128();
            row.cfa_offset = static_cast<int64_t>(program.unsigned_leb128());
            row.has_cfa_expression = false;
            return true;
        case kDefCfaSf:
            row.cfa_register = program.unsigned_leb128();
            row.cfa_offset = scaled(static_cast<uint64_t>(program.signed_leb128()), factor);
            row.has_cfa_expression = false;
            return true;
        case kDefCfaRegister:
            row.cfa_register = program.unsigned_leb128();
            return !row.has_cfa_expression;
        case kDefCfaOffset:
            row.cfa_offset = static_cast<int64_t>(program.unsigned_leb128());
            return !row.has_cfa_expression;
        case kDefCfaOffsetSf:
            row.cfa_offset = scaled(static_cast<uint64_t>(program.signed_leb128()), factor);
            return !row.has_cfa_expression;
        case kDefCfaExpression:
            row.cfa_expression = block();
            row.has_cfa_expression = true;
            return true;
        case kRememberState:
            if (remembered_.size() >= kMaxRemembered) return false;
            remembered_.push_back(row);
            return true;
        case kRestoreState:
            // The CFA comes back too, which DWARF leaves open: so do GCC's unwinder and elfutils.
            if (remembered_.empty()) return false;
            row = remembered_.back();
            remembered_.pop_back();
            return true;
        case kGnuArgsSize:
            program.unsigned_leb128();
            return true;
        default:
            return false;
    }
}

}  // namespace pyebpf::elf
