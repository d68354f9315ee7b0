// SPDX-License-Identifier: Apache-2.0
// One x86-64 instruction, with what it takes to follow a function's direct jumps and to read the
// few instructions of an accessor function, in few fields. Decoded by Zydis.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace pyebpf::python {

enum X86Register : uint8_t {
    kRax = 0,
    kRcx = 1,
    kRdx = 2,
    kRbx = 3,
    kRsp = 4,
    kRbp = 5,
    kRsi = 6,
    kRdi = 7
};
inline constexpr uint8_t kNoRegister = 0xff;

enum class OpcodeMap : uint8_t { kOneByte, k0f, k0f38, k0f3a, kVector };

// The memory operand [base + index * scale + displacement], of segment fs or gs if there is a
// prefix.
struct X86Memory {
    uint8_t base = kNoRegister;
    uint8_t index = kNoRegister;
    bool rip_relative = false;
    int32_t displacement = 0;
};

struct X86Instruction {
    uint8_t length = 0;  // 1 - 15
    OpcodeMap map = OpcodeMap::kOneByte;
    uint8_t opcode = 0;
    bool wide = false;                // REX.W: 64-bit operands
    uint8_t segment = 0;              // 0x64 (fs), 0x65 (gs), 0
    uint8_t reg = kNoRegister;        // ModRM.reg with REX.R; also an opcode extension
    uint8_t rm = kNoRegister;         // ModRM.rm with REX.B if it is a register
    uint8_t opcode_register = 0;      // the opcode's low bits with REX.B, for opcodes that name a
                                      // register (mov imm, push, pop)
    std::optional<X86Memory> memory;  // ModRM.rm if it is memory
    int64_t immediate = 0;            // sign-extended; a jump's distance from the next instruction

    // From the instruction's address. nullopt: not a direct jump or call.
    [[nodiscard]] std::optional<uint64_t> target(uint64_t address) const;
    // Address of a rip-relative operand.
    [[nodiscard]] std::optional<uint64_t> operand_address(uint64_t address) const;
    [[nodiscard]] bool is_conditional_jump() const;
    [[nodiscard]] bool is_jump() const;  // direct, unconditional
    [[nodiscard]] bool is_call() const;  // direct
    [[nodiscard]] bool is_indirect_call() const;
    [[nodiscard]] bool is_return() const;
};

// nullopt: not an instruction, or it does not end within the bytes.
[[nodiscard]] std::optional<X86Instruction> decode_x86(std::span<const uint8_t> code);

}  // namespace pyebpf::python
