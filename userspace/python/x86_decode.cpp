// SPDX-License-Identifier: Apache-2.0
#include "python/x86_decode.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace pyebpf::python {
namespace {

constexpr size_t kMaxLength = 15;

// What follows an opcode.
enum Operands : uint8_t {
    kNone = 0,
    kModrm = 1,
    kByte = 2,       // imm8 or rel8
    kWord = 4,       // imm16
    kFull = 8,       // imm16 with an operand-size prefix, else imm32
    kRelative = 16,  // rel32 whatever the prefix
    kWidest = 32,    // imm64 with REX.W, else as kFull
    kOffset = 64,    // an address: 8 bytes, 4 with an address-size prefix
    kInvalid = 128,
};

using OpcodeTable = std::array<uint8_t, 256>;

constexpr void set(OpcodeTable& table, unsigned first, unsigned last, unsigned operands) {
    for (unsigned opcode = first; opcode <= last; ++opcode)
        table[opcode] = static_cast<uint8_t>(operands);
}

constexpr OpcodeTable one_byte_opcodes() {
    OpcodeTable t{};
    for (unsigned row = 0x00; row < 0x40; row += 8) {  // add or adc sbb and sub xor cmp
        set(t, row, row + 3, kModrm);
        set(t, row + 4, row + 4, kByte);
        set(t, row + 5, row + 5, kFull);
        set(t, row + 6, row + 7, kInvalid);  // segment prefixes are taken off before
    }
    set(t, 0x60, 0x62, kInvalid);
    set(t, 0x63, 0x63, kModrm);
    set(t, 0x68, 0x68, kFull);
    set(t, 0x69, 0x69, kModrm | kFull);
    set(t, 0x6a, 0x6a, kByte);
    set(t, 0x6b, 0x6b, kModrm | kByte);
    set(t, 0x70, 0x7f, kByte);
    set(t, 0x80, 0x80, kModrm | kByte);
    set(t, 0x81, 0x81, kModrm | kFull);
    set(t, 0x82, 0x82, kInvalid);
    set(t, 0x83, 0x83, kModrm | kByte);
    set(t, 0x84, 0x8f, kModrm);
    set(t, 0x9a, 0x9a, kInvalid);
    set(t, 0xa0, 0xa3, kOffset);
    set(t, 0xa8, 0xa8, kByte);
    set(t, 0xa9, 0xa9, kFull);
    set(t, 0xb0, 0xb7, kByte);
    set(t, 0xb8, 0xbf, kWidest);
    set(t, 0xc0, 0xc1, kModrm | kByte);
    set(t, 0xc2, 0xc2, kWord);
    set(t, 0xc4, 0xc5, kInvalid);  // VEX is taken off before
    set(t, 0xc6, 0xc6, kModrm | kByte);
    set(t, 0xc7, 0xc7, kModrm | kFull);
    set(t, 0xc8, 0xc8, kWord | kByte);
    set(t, 0xca, 0xca, kWord);
    set(t, 0xcd, 0xcd, kByte);
    set(t, 0xce, 0xce, kInvalid);
    set(t, 0xd0, 0xd3, kModrm);
    set(t, 0xd4, 0xd6, kInvalid);
    set(t, 0xd8, 0xdf, kModrm);
    set(t, 0xe0, 0xe7, kByte);
    set(t, 0xe8, 0xe9, kRelative);
    set(t, 0xea, 0xea, kInvalid);
    set(t, 0xeb, 0xeb, kByte);
    set(t, 0xf6, 0xf7, kModrm);  // and an immediate for test, see below
    set(t, 0xfe, 0xff, kModrm);
    return t;
}

constexpr OpcodeTable opcodes_0f() {
    OpcodeTable t{};
    set(t, 0x00, 0xff, kModrm);
    set(t, 0x04, 0x04, kInvalid);
    set(t, 0x05, 0x09, kNone);  // syscall clts sysret invd wbinvd
    set(t, 0x0a, 0x0a, kInvalid);
    set(t, 0x0b, 0x0b, kNone);  // ud2
    set(t, 0x0c, 0x0c, kInvalid);
    set(t, 0x0e, 0x0e, kNone);
    set(t, 0x0f, 0x0f, kModrm | kByte);
    set(t, 0x24, 0x27, kInvalid);
    set(t, 0x30, 0x37, kNone);  // wrmsr rdtsc rdmsr rdpmc sysenter sysexit
    set(t, 0x39, 0x39, kInvalid);
    set(t, 0x3b, 0x3f, kInvalid);
    set(t, 0x70, 0x73, kModrm | kByte);
    set(t, 0x77, 0x77, kNone);  // emms, vzeroupper
    set(t, 0x80, 0x8f, kRelative);
    set(t, 0xa0, 0xa2, kNone);  // push fs, pop fs, cpuid
    set(t, 0xa4, 0xa4, kModrm | kByte);
    set(t, 0xa8, 0xaa, kNone);
    set(t, 0xac, 0xac, kModrm | kByte);
    set(t, 0xba, 0xba, kModrm | kByte);
    set(t, 0xc2, 0xc2, kModrm | kByte);
    set(t, 0xc4, 0xc6, kModrm | kByte);
    set(t, 0xc8, 0xcf, kNone);  // bswap
    return t;
}

constexpr OpcodeTable kOneByteOpcodes = one_byte_opcodes();
constexpr OpcodeTable kOpcodes0f = opcodes_0f();

class Decoder {
  public:
    explicit Decoder(std::span<const uint8_t> code)
        : code_(code.first(std::min(code.size(), kMaxLength))) {}

    std::optional<X86Instruction> decode() {
        read_prefixes();
        const uint8_t operands = read_opcode();
        if ((operands & kInvalid) != 0) return std::nullopt;
        if ((operands & kModrm) != 0) read_modrm();
        read_immediates(operands);
        if (beyond_end_) return std::nullopt;
        out_.length = static_cast<uint8_t>(position_);
        return out_;
    }

  private:
    uint8_t byte() {
        if (position_ >= code_.size()) {
            beyond_end_ = true;
            return 0;
        }
        return code_[position_++];
    }
    [[nodiscard]] uint8_t peek() const { return position_ < code_.size() ? code_[position_] : 0; }

    int64_t number(unsigned bytes) {
        uint64_t value = 0;
        for (unsigned i = 0; i < bytes; ++i) value |= static_cast<uint64_t>(byte()) << (8 * i);
        const unsigned unused = 64 - 8 * bytes;
        return static_cast<int64_t>(value << unused) >> unused;
    }

    void read_prefixes() {
        while (!beyond_end_) {
            switch (peek()) {
                case 0x26:
                case 0x2e:
                case 0x36:
                case 0x3e:
                case 0xf0:
                    break;
                case 0x64:
                case 0x65:
                    out_.segment = peek();
                    break;
                case 0x66:
                    operand_size_ = true;
                    break;
                case 0x67:
                    address_size_ = true;
                    break;
                case 0xf2:
                case 0xf3:
                    repeat_ = peek();
                    break;
                default:
                    if ((peek() & 0xf0) == 0x40) rex_ = byte();
                    return;
            }
            ++position_;
        }
    }

    uint8_t read_opcode() {
        out_.wide = (rex_ & 8) != 0;
        const uint8_t first = byte();
        if (first == 0xc5) return read_vex2();
        if (first == 0xc4) return read_vex3();
        if (first == 0x62) return read_evex();
        out_.opcode = first;
        out_.opcode_register = static_cast<uint8_t>((first & 7) | (rex_ & 1) << 3);
        if (first != 0x0f) return kOneByteOpcodes[first];
        out_.opcode = byte();
        if (out_.opcode == 0x38 || out_.opcode == 0x3a) {
            const bool has_immediate = out_.opcode == 0x3a;
            out_.map = has_immediate ? OpcodeMap::k0f3a : OpcodeMap::k0f38;
            out_.opcode = byte();
            return has_immediate ? kModrm | kByte : kModrm;
        }
        out_.map = OpcodeMap::k0f;
        // extrq and insertq of SSE4a have two immediate bytes.
        if (out_.opcode == 0x78 && (operand_size_ || repeat_ == 0xf2)) return kModrm | kWord;
        return kOpcodes0f[out_.opcode];
    }

    uint8_t read_vex2() {
        const uint8_t bits = byte();
        rex_ = (bits & 0x80) != 0 ? 0 : 4;
        return read_vector_opcode(1);
    }

    uint8_t read_vex3() {
        const uint8_t bits = byte();
        const uint8_t more = byte();
        rex_ = static_cast<uint8_t>((~bits >> 5 & 7) | (more >> 7 << 3));
        return read_vector_opcode(bits & 0x1f);
    }

    uint8_t read_evex() {
        const uint8_t bits = byte();
        const uint8_t more = byte();
        byte();
        rex_ = static_cast<uint8_t>((~bits >> 5 & 7) | (more >> 7 << 3));
        return read_vector_opcode(bits & 7);
    }

    uint8_t read_vector_opcode(unsigned map) {
        out_.map = OpcodeMap::kVector;
        out_.wide = (rex_ & 8) != 0;
        out_.opcode = byte();
        switch (map) {
            case 1: {
                const uint8_t operands = kOpcodes0f[out_.opcode];
                return out_.opcode == 0x77 ? operands : (operands & kByte) | kModrm;
            }
            case 2:
            case 5:
            case 6:
                return kModrm;
            case 3:
                return kModrm | kByte;
            default:
                return kInvalid;
        }
    }

    void read_modrm() {
        const uint8_t modrm = byte();
        const unsigned mode = modrm >> 6;
        const auto low = static_cast<uint8_t>(modrm & 7);
        out_.reg = static_cast<uint8_t>((modrm >> 3 & 7) | (rex_ & 4) << 1);
        if (mode == 3) {
            out_.rm = static_cast<uint8_t>(low | (rex_ & 1) << 3);
        } else {
            read_memory(mode, low);
        }
        // The tests of group 3 are the only ones of a group that have an immediate.
        if (out_.map == OpcodeMap::kOneByte && (out_.opcode & 0xfe) == 0xf6 &&
            (modrm >> 3 & 7) < 2) {
            extra_ = out_.opcode == 0xf6 ? kByte : kFull;
        }
    }

    void read_memory(unsigned mode, uint8_t low) {
        X86Memory memory;
        memory.base = static_cast<uint8_t>(low | (rex_ & 1) << 3);
        bool wide_displacement = mode == 2;
        if (low == 4) {
            const uint8_t sib = byte();
            const auto index = static_cast<uint8_t>((sib >> 3 & 7) | (rex_ & 2) << 2);
            if (index != kRsp) memory.index = index;
            memory.base = static_cast<uint8_t>((sib & 7) | (rex_ & 1) << 3);
            if ((sib & 7) == 5 && mode == 0) {
                memory.base = kNoRegister;
                wide_displacement = true;
            }
        } else if (low == 5 && mode == 0) {
            memory.base = kNoRegister;
            memory.rip_relative = true;
            wide_displacement = true;
        }
        if (wide_displacement) {
            memory.displacement = static_cast<int32_t>(number(4));
        } else if (mode == 1) {
            memory.displacement = static_cast<int32_t>(number(1));
        }
        out_.memory = memory;
    }

    void read_immediates(uint8_t operands) {
        operands |= extra_;
        const unsigned full = operand_size_ && !out_.wide ? 2 : 4;
        if ((operands & kWord) != 0) out_.immediate = number(2);
        if ((operands & kByte) != 0) out_.immediate = number(1);
        if ((operands & kFull) != 0) out_.immediate = number(full);
        if ((operands & kRelative) != 0) out_.immediate = number(4);
        if ((operands & kWidest) != 0) out_.immediate = number(out_.wide ? 8 : full);
        if ((operands & kOffset) != 0) out_.immediate = number(address_size_ ? 4 : 8);
    }

    std::span<const uint8_t> code_;
    size_t position_ = 0;
    bool beyond_end_ = false;
    bool operand_size_ = false;
    bool address_size_ = false;
    uint8_t repeat_ = 0;
    uint8_t rex_ = 0;
    uint8_t extra_ = kNone;
    X86Instruction out_;
};

}  // namespace

std::optional<X86Instruction> decode_x86(std::span<const uint8_t> code) {
    return Decoder(code).decode();
}

bool X86Instruction::is_conditional_jump() const {
    if (map == OpcodeMap::kOneByte)
        return (opcode >= 0x70 && opcode <= 0x7f) || (opcode >= 0xe0 && opcode <= 0xe3);
    return map == OpcodeMap::k0f && opcode >= 0x80 && opcode <= 0x8f;
}

bool X86Instruction::is_jump() const {
    return map == OpcodeMap::kOneByte && (opcode == 0xe9 || opcode == 0xeb);
}

bool X86Instruction::is_call() const {
    return map == OpcodeMap::kOneByte && opcode == 0xe8;
}

bool X86Instruction::is_indirect_call() const {
    return map == OpcodeMap::kOneByte && opcode == 0xff && (reg & 7) == 2;
}

bool X86Instruction::is_return() const {
    return map == OpcodeMap::kOneByte && (opcode == 0xc2 || opcode == 0xc3);
}

std::optional<uint64_t> X86Instruction::target(uint64_t address) const {
    if (!is_jump() && !is_conditional_jump() && !is_call()) return std::nullopt;
    return address + length + static_cast<uint64_t>(immediate);
}

std::optional<uint64_t> X86Instruction::operand_address(uint64_t address) const {
    if (!memory || !memory->rip_relative) return std::nullopt;
    return address + length + static_cast<uint64_t>(static_cast<int64_t>(memory->displacement));
}

}  // namespace pyebpf::python
