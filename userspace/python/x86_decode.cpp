// SPDX-License-Identifier: Apache-2.0
#include "python/x86_decode.h"

#include <Zydis/Zydis.h>

namespace pyebpf::python {
namespace {

ZydisDecoder make_decoder() {
    ZydisDecoder decoder;
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return decoder;
}

OpcodeMap map_of(const ZydisDecodedInstruction& found) {
    if (found.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY) return OpcodeMap::kVector;
    switch (found.opcode_map) {
        case ZYDIS_OPCODE_MAP_DEFAULT:
            return OpcodeMap::kOneByte;
        case ZYDIS_OPCODE_MAP_0F38:
            return OpcodeMap::k0f38;
        case ZYDIS_OPCODE_MAP_0F3A:
            return OpcodeMap::k0f3a;
        default:
            return OpcodeMap::k0f;
    }
}

uint8_t register_of(unsigned low, unsigned extension) {
    return static_cast<uint8_t>(low | extension << 3);
}

// ModRM.rm as memory (Intel SDM volume 2, tables 2-2 and 2-3).
X86Memory memory_of(const decltype(ZydisDecodedInstruction::raw)& raw, bool has_sib) {
    X86Memory memory;
    memory.displacement = static_cast<int32_t>(raw.disp.value);
    const bool is_bare = raw.modrm.mod == 0;
    if (has_sib) {
        const uint8_t index = register_of(raw.sib.index, raw.rex.X);
        if (index != kRsp) memory.index = index;
        if (raw.sib.base != kRbp || !is_bare) memory.base = register_of(raw.sib.base, raw.rex.B);
    } else if (raw.modrm.rm == kRbp && is_bare) {
        memory.rip_relative = true;
    } else {
        memory.base = register_of(raw.modrm.rm, raw.rex.B);
    }
    return memory;
}

}  // namespace

std::optional<X86Instruction> decode_x86(std::span<const uint8_t> code) {
    static const ZydisDecoder decoder = make_decoder();
    ZydisDecodedInstruction found;
    if (!ZYAN_SUCCESS(
            ZydisDecoderDecodeInstruction(&decoder, nullptr, code.data(), code.size(), &found)))
        return std::nullopt;
    const auto& raw = found.raw;
    X86Instruction out;
    out.length = found.length;
    out.map = map_of(found);
    out.opcode = found.opcode;
    out.wide = raw.rex.W != 0;
    if ((found.attributes & ZYDIS_ATTRIB_HAS_SEGMENT_FS) != 0) out.segment = 0x64;
    if ((found.attributes & ZYDIS_ATTRIB_HAS_SEGMENT_GS) != 0) out.segment = 0x65;
    out.opcode_register = register_of(found.opcode & 7, raw.rex.B);
    if ((found.attributes & ZYDIS_ATTRIB_HAS_MODRM) != 0) {
        out.reg = register_of(raw.modrm.reg, raw.rex.R);
        if (raw.modrm.mod == 3) {
            out.rm = register_of(raw.modrm.rm, raw.rex.B);
        } else {
            out.memory = memory_of(raw, (found.attributes & ZYDIS_ATTRIB_HAS_SIB) != 0);
        }
    }
    if (const unsigned bits = raw.imm[0].size; bits != 0)
        out.immediate = static_cast<int64_t>(raw.imm[0].value.u << (64 - bits)) >> (64 - bits);
    return out;
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
