// SPDX-License-Identifier: Apache-2.0
#include "elf/frame_analysis.h"

#include <Zydis/Zydis.h>

#include <optional>
#include <utility>

#include "elf/unwind_rule_x86_64.h"

namespace pyebpf::elf {

namespace {

constexpr size_t kFramePointer = kFrameRegistersX86_64.frame_pointer;
constexpr size_t kStackPointer = kFrameRegistersX86_64.stack_pointer;
// By DWARF number: rax, rdx, rcx, rsi, rdi, r8 to r11: what a call does not preserve.
constexpr std::array<size_t, 9> kCallClobbered{0, 1, 2, 4, 5, 8, 9, 10, 11};
// The ones that keep a copy of the stack pointer for the whole function come first.
constexpr std::array<size_t, 14> kCfaCandidates{3, 12, 13, 14, 15, 10, 11, 0, 1, 2, 4, 5, 8, 9};

constexpr int64_t kMaxDistance = int64_t{1} << 30;

int32_t sum_of(int32_t distance, int64_t amount) {
    if (distance == FrameState::kUnknown || amount > kMaxDistance || amount < -kMaxDistance)
        return FrameState::kUnknown;
    const int64_t sum = distance + amount;
    return sum > kMaxDistance || sum < -kMaxDistance ? FrameState::kUnknown
                                                     : static_cast<int32_t>(sum);
}

// The DWARF number of the general purpose register that this is, or is a part of.
std::optional<size_t> register_number(ZydisRegister part) {
    constexpr std::array<size_t, 16> kNumbers{0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};
    const ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, part);
    if (whole < ZYDIS_REGISTER_RAX || whole > ZYDIS_REGISTER_R15) return std::nullopt;
    return kNumbers[whole - ZYDIS_REGISTER_RAX];
}

struct DecodedInstruction {
    ZydisDecodedInstruction facts;
    std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands;

    // Of a 64-bit register operand; one that is not written down is none.
    [[nodiscard]] std::optional<size_t> register_at(size_t index) const {
        const ZydisDecodedOperand& operand = operands[index];
        if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER || operand.size != 64 ||
            index >= facts.operand_count_visible)
            return std::nullopt;
        return register_number(operand.reg.value);
    }
    [[nodiscard]] std::optional<int64_t> immediate_at(size_t index) const {
        const ZydisDecodedOperand& operand = operands[index];
        if (operand.type != ZYDIS_OPERAND_TYPE_IMMEDIATE) return std::nullopt;
        return operand.imm.value.s;
    }
    // Distance from the CFA of the address of a memory operand.
    [[nodiscard]] int32_t address_at(size_t index, const FrameState& state) const {
        const ZydisDecodedOperand& operand = operands[index];
        if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || operand.mem.index != ZYDIS_REGISTER_NONE ||
            operand.mem.segment == ZYDIS_REGISTER_FS || operand.mem.segment == ZYDIS_REGISTER_GS ||
            ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, operand.mem.base) != 64)
            return FrameState::kUnknown;
        const auto base = register_number(operand.mem.base);
        if (!base) return FrameState::kUnknown;
        return sum_of(state.registers[*base],
                      operand.mem.disp.has_displacement ? operand.mem.disp.value : 0);
    }
    // Where a direct jump or call leads, from the start of the function.
    [[nodiscard]] std::optional<uint64_t> target(size_t offset) const {
        const ZydisDecodedOperand& operand = operands[0];
        if (facts.operand_count_visible == 0 || operand.type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
            !operand.imm.is_relative)
            return std::nullopt;
        return offset + facts.length + operand.imm.value.u;
    }
};

void set_register(FrameState& state, size_t number, int32_t distance) {
    state.registers[number] = distance;
    if (number == kFramePointer) state.has_callers_frame_pointer = false;
}

// rbp is stored at this distance from the CFA. The first place counts: compilers also push it to
// align the stack.
void store_frame_pointer(FrameState& state, int32_t at) {
    if (state.has_callers_frame_pointer && state.saved_frame_pointer == FrameState::kUnknown)
        state.saved_frame_pointer = at;
}

void push(const DecodedInstruction& instruction, FrameState& state) {
    int32_t& top = state.registers[kStackPointer];
    top = sum_of(top, -static_cast<int64_t>(instruction.facts.operand_width / 8));
    if (instruction.register_at(0) == kFramePointer) store_frame_pointer(state, top);
}

// The register has the value at this distance from the CFA.
void load_register(FrameState& state, size_t number, int32_t from) {
    set_register(state, number, FrameState::kUnknown);
    if (number == kFramePointer && from != FrameState::kUnknown)
        state.has_callers_frame_pointer = from == state.saved_frame_pointer;
}

void pop(const DecodedInstruction& instruction, FrameState& state) {
    const int32_t top = state.registers[kStackPointer];
    state.registers[kStackPointer] = sum_of(top, instruction.facts.operand_width / 8);
    if (const auto number = instruction.register_at(0)) load_register(state, *number, top);
}

// False: the instruction is an ordinary one, whose operands tell what it writes.
bool move(const DecodedInstruction& instruction, FrameState& state) {
    const auto to = instruction.register_at(0);
    const auto from = instruction.register_at(1);
    if (to && from) {
        set_register(state, *to, state.registers[*from]);
        return true;
    }
    if (to && instruction.operands[1].type == ZYDIS_OPERAND_TYPE_MEMORY) {
        load_register(state, *to, instruction.address_at(1, state));
        return true;
    }
    if (from == kFramePointer) store_frame_pointer(state, instruction.address_at(0, state));
    return false;
}

// What an instruction makes of the state, without where it leads.
void carry_out(const DecodedInstruction& instruction, FrameState& state) {
    const auto to = instruction.register_at(0);
    switch (instruction.facts.mnemonic) {
        case ZYDIS_MNEMONIC_PUSH:
        case ZYDIS_MNEMONIC_PUSHFQ:
            return push(instruction, state);
        case ZYDIS_MNEMONIC_POP:
        case ZYDIS_MNEMONIC_POPFQ:
            return pop(instruction, state);
        case ZYDIS_MNEMONIC_LEAVE:
            set_register(state, kStackPointer, state.registers[kFramePointer]);
            load_register(state, kFramePointer, state.registers[kStackPointer]);
            state.registers[kStackPointer] = sum_of(state.registers[kStackPointer], 8);
            return;
        case ZYDIS_MNEMONIC_CALL:  // comes back with the stack as it was
            for (const size_t number : kCallClobbered)
                state.registers[number] = FrameState::kUnknown;
            return;
        case ZYDIS_MNEMONIC_LEA:
            if (!to) break;
            return set_register(state, *to, instruction.address_at(1, state));
        case ZYDIS_MNEMONIC_ADD:
        case ZYDIS_MNEMONIC_SUB: {
            const auto amount = instruction.immediate_at(1);
            if (!to || !amount) break;
            const bool is_sum = instruction.facts.mnemonic == ZYDIS_MNEMONIC_ADD;
            return set_register(state, *to,
                                sum_of(state.registers[*to], is_sum ? *amount : -*amount));
        }
        case ZYDIS_MNEMONIC_MOV:
            if (move(instruction, state)) return;
            break;
        default:
            break;
    }
    for (size_t i = 0; i < instruction.facts.operand_count; ++i) {
        const ZydisDecodedOperand& operand = instruction.operands[i];
        if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER ||
            (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0)
            continue;
        if (const auto number = register_number(operand.reg.value))
            set_register(state, *number, FrameState::kUnknown);
    }
}

// What a frame below the top holds may be overwritten any time.
void forget_released(FrameState& state) {
    const int32_t top = state.registers[kStackPointer];
    if (top != FrameState::kUnknown && state.saved_frame_pointer < top)
        state.saved_frame_pointer = FrameState::kUnknown;
}

FrameState state_at_entry() {
    FrameState state;
    state.registers.fill(FrameState::kUnknown);
    state.registers[kStackPointer] = -8;  // the return address is on top
    state.has_callers_frame_pointer = true;
    return state;
}

FrameState common_part(FrameState one, const FrameState& other) {
    for (size_t i = 0; i < one.registers.size(); ++i)
        if (one.registers[i] != other.registers[i]) one.registers[i] = FrameState::kUnknown;
    one.has_callers_frame_pointer &= other.has_callers_frame_pointer;
    if (one.saved_frame_pointer != other.saved_frame_pointer)
        one.saved_frame_pointer = FrameState::kUnknown;
    return one;
}

class Flow {
  public:
    explicit Flow(std::span<const uint8_t> code) : code_(code), numbers_(code.size()) {
        ZydisDecoderInit(&decoder_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
        lead_to(0, state_at_entry());
    }

    // False if something is no instruction, or there is more to do than allowed.
    bool run(size_t& steps_left) {
        while (!pending_.empty()) {
            if (steps_left == 0) return false;
            --steps_left;
            const size_t offset = pending_.back();
            pending_.pop_back();
            if (!step(offset)) return false;
        }
        return true;
    }

    std::vector<AnalyzedInstruction> take() && {
        std::vector<AnalyzedInstruction> sorted;
        sorted.reserve(found_.size());
        for (const uint32_t number : numbers_)
            if (number != 0) sorted.push_back(found_[number - 1]);
        return sorted;
    }

  private:
    bool step(size_t offset) {
        DecodedInstruction instruction;
        const auto rest = code_.subspan(offset);
        if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder_, rest.data(), rest.size(),
                                                 &instruction.facts, instruction.operands.data())))
            return false;
        AnalyzedInstruction& here = found_[numbers_[offset] - 1];
        here.length = instruction.facts.length;
        FrameState state = here.state;
        carry_out(instruction, state);
        forget_released(state);

        const size_t next = offset + instruction.facts.length;
        const auto target = instruction.target(offset);
        switch (instruction.facts.meta.category) {
            case ZYDIS_CATEGORY_RET:
            case ZYDIS_CATEGORY_SYSRET:
                return true;
            case ZYDIS_CATEGORY_UNCOND_BR:
                if (target) lead_to(*target, state);
                return true;
            case ZYDIS_CATEGORY_COND_BR:
                if (target) lead_to(*target, state);
                break;
            case ZYDIS_CATEGORY_CALL:
                // Of a part of this function: it has a frame of its own. Not so if only the address
                // is wanted: nobody returns.
                if (target == next) return true;
                if (target) lead_to(*target, state_at_entry());
                break;
            default:
                if (instruction.facts.mnemonic == ZYDIS_MNEMONIC_HLT ||
                    instruction.facts.mnemonic == ZYDIS_MNEMONIC_INT3 ||
                    instruction.facts.mnemonic == ZYDIS_MNEMONIC_UD2)
                    return true;
                break;
        }
        lead_to(next, state);
        return true;
    }

    void lead_to(uint64_t offset, const FrameState& state) {
        if (offset >= code_.size()) return;  // another function
        uint32_t& number = numbers_[offset];
        if (number == 0) {
            found_.push_back({.offset = offset, .length = 0, .state = state});
            number = static_cast<uint32_t>(found_.size());
            pending_.push_back(offset);
            return;
        }
        FrameState& known = found_[number - 1].state;
        const FrameState common = common_part(known, state);
        if (common == known) return;
        known = common;
        pending_.push_back(offset);
    }

    ZydisDecoder decoder_{};
    std::span<const uint8_t> code_;
    std::vector<uint32_t> numbers_;  // by offset: 1 + index of found_, or 0
    std::vector<AnalyzedInstruction> found_;
    std::vector<size_t> pending_;
};

}  // namespace

std::vector<AnalyzedInstruction> FrameAnalyzer::analyze(std::span<const uint8_t> function) {
    if (function.empty() || function.size() > kMaxFunctionBytes) return {};
    Flow flow(function);
    if (!flow.run(steps_left_)) return {};
    return std::move(flow).take();
}

unwind_rule unwind_rule_of(const FrameState& state) {
    unwind_rule rule{.cfa_kind = CFA_NONE};
    const auto use = [&](size_t number, unsigned kind) {
        if (rule.cfa_kind != CFA_NONE || state.registers[number] == FrameState::kUnknown) return;
        rule.cfa_kind = static_cast<uint8_t>(kind);
        rule.cfa_offset = -state.registers[number];
    };
    use(kStackPointer, CFA_RSP);
    use(kFramePointer, CFA_RBP);
    for (const size_t number : kCfaCandidates)
        use(number, CFA_REGISTER + static_cast<unsigned>(number));
    if (rule.cfa_kind == CFA_NONE) return rule;
    const int32_t saved = state.saved_frame_pointer;
    if (state.has_callers_frame_pointer) {
        rule.rbp_kind = RBP_SAME;
    } else if (saved >= std::numeric_limits<int16_t>::min() && saved <= -16) {
        rule.rbp_kind = RBP_AT_CFA;
        rule.rbp_offset = static_cast<int16_t>(saved);
    } else {
        rule.rbp_kind = RBP_UNDEFINED;
    }
    return rule;
}

}  // namespace pyebpf::elf
