// SPDX-License-Identifier: Apache-2.0
#include "frame_evaluation.h"

#include <dwarf.h>

#include <span>
#include <vector>

namespace pyebpf::elf {

namespace {

constexpr int kRbp = 6;
constexpr int kRsp = 7;
constexpr int kRip = 16;

// The last value of a DWARF expression; nullopt if it uses what no call frame information is known
// to use.
std::optional<uint64_t> evaluate(std::span<const Dwarf_Op> operations, const Registers& registers,
                                 std::optional<uint64_t> cfa) {
    std::vector<uint64_t> stack;
    const auto pop = [&] {
        const uint64_t top = stack.back();
        stack.pop_back();
        return top;
    };
    for (const Dwarf_Op& operation : operations) {
        const uint8_t code = operation.atom;
        const bool is_binary = code == DW_OP_plus || code == DW_OP_minus || code == DW_OP_and ||
                               code == DW_OP_ge || code == DW_OP_shl || code == DW_OP_mul;
        if (is_binary) {
            if (stack.size() < 2) return std::nullopt;
            const uint64_t right = pop();
            const uint64_t left = pop();
            switch (code) {
                case DW_OP_plus:
                    stack.push_back(left + right);
                    break;
                case DW_OP_minus:
                    stack.push_back(left - right);
                    break;
                case DW_OP_and:
                    stack.push_back(left & right);
                    break;
                case DW_OP_shl:
                    stack.push_back(right < 64 ? left << right : 0);
                    break;
                case DW_OP_mul:
                    stack.push_back(left * right);
                    break;
                default:
                    stack.push_back(static_cast<int64_t>(left) >= static_cast<int64_t>(right) ? 1
                                                                                              : 0);
            }
        } else if (code >= DW_OP_breg0 && code <= DW_OP_breg16) {
            stack.push_back(registers[code - DW_OP_breg0] + operation.number);
        } else if (code == DW_OP_bregx && operation.number < registers.size()) {
            stack.push_back(registers[operation.number] + operation.number2);
        } else if (code >= DW_OP_lit0 && code <= DW_OP_lit31) {
            stack.push_back(code - DW_OP_lit0);
        } else if (code >= DW_OP_const1u && code <= DW_OP_consts) {
            stack.push_back(operation.number);
        } else if (code == DW_OP_call_frame_cfa && cfa) {
            stack.push_back(*cfa);
        } else if (code == DW_OP_deref && !stack.empty()) {
            stack.push_back(memory_at(pop()));
        } else if (code == DW_OP_plus_uconst && !stack.empty()) {
            stack.back() += operation.number;
        } else {
            return std::nullopt;
        }
    }
    return stack.empty() ? std::nullopt : std::optional(stack.back());
}

struct RegisterValue {
    bool is_undefined = false;
    std::optional<uint64_t> value;
};

// The caller's value of a register, from its location.
RegisterValue register_by_libdw(Dwarf_Frame* frame, int number, const Registers& registers,
                                std::optional<uint64_t> cfa) {
    Dwarf_Op memory[3];
    Dwarf_Op* operations = nullptr;
    size_t count = 0;
    if (dwarf_frame_register(frame, number, memory, &operations, &count) != 0) return {};
    if (count == 0) {
        if (operations == memory) return {.is_undefined = true};
        return {.value = registers[static_cast<size_t>(number)]};  // same value
    }
    const bool is_value = operations[count - 1].atom == DW_OP_stack_value;
    const auto result = evaluate({operations, count - (is_value ? 1 : 0)}, registers, cfa);
    if (!result) return {};
    return {.value = is_value ? *result : memory_at(*result)};
}

}  // namespace

uint64_t memory_at(uint64_t address) {
    // The finalizer of MurmurHash3: equal addresses give equal words, others practically never.
    uint64_t word = address + 0x9e3779b97f4a7c15;
    word = (word ^ (word >> 33)) * 0xff51afd7ed558ccd;
    word = (word ^ (word >> 33)) * 0xc4ceb9fe1a85ec53;
    return word ^ (word >> 33);
}

Caller step_by_libdw(Dwarf_Frame* frame, const Registers& registers) {
    Dwarf_Op* operations = nullptr;
    size_t count = 0;
    std::optional<uint64_t> cfa;
    if (dwarf_frame_cfa(frame, &operations, &count) == 0 && count > 0) {
        cfa = evaluate({operations, count}, registers, std::nullopt);
    }
    const RegisterValue rip = register_by_libdw(frame, kRip, registers, cfa);
    if (rip.is_undefined) return {.outcome = Caller::Outcome::kEnd};
    const RegisterValue rsp = register_by_libdw(frame, kRsp, registers, cfa);
    if (!rip.value || !rsp.value) return {};
    return {.outcome = Caller::Outcome::kStep,
            .rip = *rip.value,
            .rsp = *rsp.value,
            .rbp = register_by_libdw(frame, kRbp, registers, cfa).value};
}

Caller step_by_rule(const unwind_rule& rule, const Registers& registers) {
    const uint64_t rsp = registers[kRsp];
    const uint64_t rbp = registers[kRbp];
    const auto offset = static_cast<uint64_t>(int64_t{rule.cfa_offset});
    const auto low = static_cast<uint64_t>(int64_t{static_cast<int16_t>(rule.cfa_offset & 0xffff)});
    const auto high = static_cast<uint64_t>(int64_t{rule.cfa_offset >> 16});
    uint64_t cfa = 0;
    switch (rule.cfa_kind) {
        case CFA_NONE:
        case CFA_UNSUPPORTED:
            return {};
        case CFA_END:
            return {.outcome = Caller::Outcome::kEnd};
        case CFA_RSP:
            cfa = rsp + offset;
            break;
        case CFA_RBP:
            cfa = rbp + offset;
            break;
        case CFA_DEREF_RSP:
            cfa = memory_at(rsp + low) + high;
            break;
        case CFA_DEREF_INDEXED:
            cfa = memory_at(rsp + 8 * registers[9] + low) + high;
            break;
        case CFA_DEREF_RBP:
            cfa = memory_at(rbp + low) + high;
            break;
        case CFA_PLT:
            cfa = rsp + 8 + ((registers[kRip] & 15) >= offset ? 8 : 0);
            break;
        case CFA_SIGNAL:
            return {.outcome = Caller::Outcome::kStep,
                    .rip = memory_at(rsp + 168),
                    .rsp = memory_at(rsp + 160),
                    .rbp = memory_at(rsp + 120)};
        default:
            if (rule.cfa_kind < CFA_REGISTER || rule.cfa_kind > CFA_REGISTER + 15) return {};
            cfa = registers[rule.cfa_kind - CFA_REGISTER] + offset;
    }
    const auto rbp_offset = static_cast<uint64_t>(int64_t{rule.rbp_offset});
    Caller caller{.outcome = Caller::Outcome::kStep, .rip = memory_at(cfa - 8), .rsp = cfa};
    switch (rule.rbp_kind) {
        case RBP_SAME:
            caller.rbp = rbp;
            break;
        case RBP_AT_CFA:
            caller.rbp = memory_at(cfa + rbp_offset);
            break;
        case RBP_AT_RBP:
            caller.rbp = memory_at(rbp + rbp_offset);
            break;
        default:
            break;
    }
    return caller;
}

}  // namespace pyebpf::elf
