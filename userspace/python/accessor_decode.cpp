// SPDX-License-Identifier: Apache-2.0
// A tiny abstract interpreter: each register holds what is known of its value, everything not
// understood makes it unknown.
#include "python/accessor_decode.h"

#include <elf.h>

#include <array>
#include <functional>

#include "python/x86_decode.h"

namespace pyebpf::python {
namespace {

constexpr uint64_t kMaxFunctionBytes = 256;
constexpr int kMaxInstructions = 48;
constexpr uint8_t kFs = 0x64;

struct Value {
    enum Kind : uint8_t {
        kUnknown,
        kConstant,       // number; may be an address in a file with fixed addresses
        kAddress,        // number: a stated address
        kLoadedInt,      // 4 bytes from the stated address `number`
        kLoaded,         // 8 bytes from the stated address `number`, + offset
        kThreadPointer,  // + offset
        kTlsBlock,       // a variable of this module; slot: its GOT pair; offset within the block
        kTlsOffset,      // an offset from the thread pointer that is in slot, + offset
        kTlsAddress,     // the thread pointer + what is in slot + offset
        kTlsValue,       // contents of the thread-local variable `tls`
    } kind = kUnknown;
    uint64_t number = 0;
    int64_t offset = 0;
    TlsVariable tls{};
};

Value unknown() {
    return {};
}

Value tls_value(TlsModel model, uint64_t slot, int64_t offset) {
    return {.kind = Value::kTlsValue, .tls = {.model = model, .slot = {slot}, .offset = offset}};
}

class Interpreter {
  public:
    // Called before each call and tail call.
    using CallHook = std::function<void(const Value& first_argument)>;

    explicit Interpreter(const elf::ElfFile& file) : file_(file) {}

    // What the function returns.
    Value run(const elf::Symbol& function, const CallHook& before_call = {}) {
        uint64_t limit = kMaxFunctionBytes;
        if (function.size != 0 && function.size < limit) limit = function.size;
        const auto code = file_.bytes_from(function.address, limit);
        size_t position = 0;
        for (int count = 0; count < kMaxInstructions && position < code.size(); ++count) {
            const auto instruction = decode_x86(code.subspan(position));
            if (!instruction) return unknown();
            const uint64_t address = function.address.value + position;
            position += instruction->length;
            if (instruction->is_return()) return registers_[kRax];
            if (instruction->is_jump()) {
                if (before_call) before_call(registers_[kRdi]);
                return unknown();
            }
            if (instruction->is_call() || instruction->is_indirect_call()) {
                if (before_call) before_call(registers_[kRdi]);
                call(*instruction);
                continue;
            }
            step(*instruction, address);
        }
        return unknown();
    }

  private:
    [[nodiscard]] std::optional<elf::ElfFile::Relocation> relocation(uint64_t slot) const {
        return file_.relocation_at({slot});
    }

    void call(const X86Instruction& instruction) {
        // A descriptor's call (call *(%rax)) returns the offset from the thread pointer and keeps
        // every other register.
        if (instruction.memory && instruction.memory->base == kRax &&
            registers_[kRax].kind == Value::kAddress) {
            const uint64_t descriptor = registers_[kRax].number;
            const auto found = relocation(descriptor);
            const bool is_descriptor = found && found->type == R_X86_64_TLSDESC;
            registers_[kRax] = is_descriptor
                                   ? Value{.kind = Value::kTlsOffset, .number = descriptor + 8}
                                   : unknown();
            return;
        }
        // __tls_get_addr, by its argument: a GOT pair that the dynamic linker fills with module id
        // and offset.
        Value result = unknown();
        const Value& argument = registers_[kRdi];
        if (argument.kind == Value::kAddress) {
            const auto module = relocation(argument.number);
            if (module && module->type == R_X86_64_DTPMOD64) result = tls_block(argument.number);
        }
        for (const uint8_t clobbered : {0, 1, 2, 6, 7, 8, 9, 10, 11})
            registers_[clobbered] = unknown();
        registers_[kRax] = result;
    }

    // The second word of the pair is either in the file or in a relocation against no symbol.
    [[nodiscard]] Value tls_block(uint64_t pair) const {
        const auto offset = relocation(pair + 8);
        if (offset) {
            if (offset->type != R_X86_64_DTPOFF64 || offset->symbol != 0) return unknown();
            return {.kind = Value::kTlsBlock, .number = pair, .offset = offset->addend};
        }
        const auto stored = file_.read_u64({pair + 8});
        if (!stored) return unknown();
        return {.kind = Value::kTlsBlock, .number = pair, .offset = static_cast<int64_t>(*stored)};
    }

    // The address that a memory operand without a segment stands for.
    [[nodiscard]] Value effective_address(const X86Instruction& instruction,
                                          uint64_t address) const {
        if (const auto target = instruction.operand_address(address))
            return {.kind = Value::kAddress, .number = *target};
        const X86Memory& memory = *instruction.memory;
        if (memory.base == kNoRegister && memory.index == kNoRegister) {
            return {.kind = Value::kAddress, .number = static_cast<uint32_t>(memory.displacement)};
        }
        if (memory.base == kNoRegister || memory.index != kNoRegister) return unknown();
        return plus(registers_[memory.base], memory.displacement);
    }

    static Value plus(Value value, int64_t addend) {
        switch (value.kind) {
            case Value::kConstant:
            case Value::kAddress:
                value.number += static_cast<uint64_t>(addend);
                return value;
            case Value::kLoaded:
            case Value::kThreadPointer:
            case Value::kTlsBlock:
            case Value::kTlsOffset:
            case Value::kTlsAddress:
                value.offset += addend;
                return value;
            case Value::kUnknown:
            case Value::kLoadedInt:
            case Value::kTlsValue:
                break;
        }
        return unknown();
    }

    // What an 8-byte load gives (4 bytes if !wide).
    [[nodiscard]] Value load(const X86Instruction& instruction, uint64_t address) const {
        if (instruction.segment == kFs)
            return instruction.wide ? load_from_fs(*instruction.memory) : unknown();
        if (instruction.segment != 0) return unknown();
        const Value from = effective_address(instruction, address);
        if (!instruction.wide) {
            if (from.kind == Value::kAddress)
                return {.kind = Value::kLoadedInt, .number = from.number};
            return unknown();
        }
        switch (from.kind) {
            case Value::kAddress: {
                const auto found = relocation(from.number);
                if (found && found->type == R_X86_64_TPOFF64)
                    return {.kind = Value::kTlsOffset, .number = from.number};
                return {.kind = Value::kLoaded, .number = from.number};
            }
            case Value::kThreadPointer:
                return tls_value(TlsModel::kThreadPointer, 0, from.offset);
            case Value::kTlsBlock:
                return tls_value(TlsModel::kModule, from.number, from.offset);
            case Value::kTlsAddress:
                return tls_value(TlsModel::kOffsetSlot, from.number, from.offset);
            case Value::kUnknown:
            case Value::kConstant:
            case Value::kLoadedInt:
            case Value::kLoaded:
            case Value::kTlsOffset:
            case Value::kTlsValue:
                break;
        }
        return unknown();
    }

    [[nodiscard]] Value load_from_fs(const X86Memory& memory) const {
        if (memory.index != kNoRegister || memory.rip_relative) return unknown();
        if (memory.base == kNoRegister) {
            if (memory.displacement == 0) return {.kind = Value::kThreadPointer};
            return tls_value(TlsModel::kThreadPointer, 0, memory.displacement);
        }
        const Value& base = registers_[memory.base];
        if (base.kind == Value::kConstant) {
            return tls_value(TlsModel::kThreadPointer, 0,
                             static_cast<int64_t>(base.number) + memory.displacement);
        }
        if (base.kind == Value::kTlsOffset) {
            return tls_value(TlsModel::kOffsetSlot, base.number, base.offset + memory.displacement);
        }
        return unknown();
    }

    static Value sum(const Value& one, const Value& other) {
        const Value& pointer = one.kind == Value::kThreadPointer ? one : other;
        const Value& offset = one.kind == Value::kThreadPointer ? other : one;
        if (pointer.kind != Value::kThreadPointer) return unknown();
        if (offset.kind == Value::kConstant)
            return plus(pointer, static_cast<int64_t>(offset.number));
        if (offset.kind != Value::kTlsOffset) return unknown();
        return {.kind = Value::kTlsAddress,
                .number = offset.number,
                .offset = offset.offset + pointer.offset};
    }

    [[nodiscard]] Value source(const X86Instruction& instruction, uint64_t address) const {
        if (instruction.memory) return load(instruction, address);
        return instruction.wide ? registers_[instruction.rm] : unknown();
    }

    void step(const X86Instruction& instruction, uint64_t address) {
        if (instruction.map != OpcodeMap::kOneByte) {
            forget(instruction);
            return;
        }
        const uint8_t opcode = instruction.opcode;
        if (opcode == 0x8b) {  // mov r/m, reg
            registers_[instruction.reg] = source(instruction, address);
        } else if (opcode == 0x89) {  // mov reg, r/m
            if (!instruction.memory)
                registers_[instruction.rm] =
                    instruction.wide ? registers_[instruction.reg] : unknown();
        } else if (opcode == 0x8d && instruction.memory) {  // lea
            registers_[instruction.reg] =
                instruction.segment == 0 ? effective_address(instruction, address) : unknown();
        } else if (opcode == 0x01 && !instruction.memory) {  // add reg, r/m
            const Value other = instruction.wide ? registers_[instruction.reg] : unknown();
            registers_[instruction.rm] = sum(registers_[instruction.rm], other);
        } else if (opcode == 0x03) {  // add r/m, reg
            registers_[instruction.reg] =
                sum(registers_[instruction.reg], source(instruction, address));
        } else if ((opcode == 0x81 || opcode == 0x83) && !instruction.memory &&
                   instruction.reg == 0) {  // add imm, r/m
            registers_[instruction.rm] = plus(registers_[instruction.rm], instruction.immediate);
        } else if (opcode == 0xc7 && !instruction.memory) {  // mov imm32, r/m
            registers_[instruction.rm] = {.kind = Value::kConstant,
                                          .number = static_cast<uint64_t>(instruction.immediate)};
        } else if (opcode >= 0xb8 && opcode <= 0xbf) {  // mov imm, reg
            const uint64_t bits = instruction.wide ? ~uint64_t{0} : 0xffffffff;
            registers_[instruction.opcode_register] = {
                .kind = Value::kConstant,
                .number = static_cast<uint64_t>(instruction.immediate) & bits};
        } else if (!is_comparison(instruction)) {
            forget(instruction);
        }
    }

    static bool is_comparison(const X86Instruction& instruction) {
        const uint8_t opcode = instruction.opcode;
        const bool immediate_compare =
            opcode >= 0x80 && opcode <= 0x83 && (instruction.reg & 7) == 7;
        return immediate_compare || (opcode >= 0x38 && opcode <= 0x3d) || opcode == 0x84 ||
               opcode == 0x85 || opcode == 0xa8 || opcode == 0xa9 ||
               instruction.is_conditional_jump() || (opcode >= 0x50 && opcode <= 0x57);
    }

    void forget(const X86Instruction& instruction) {
        const bool one_byte = instruction.map == OpcodeMap::kOneByte;
        if (one_byte && instruction.opcode >= 0x58 && instruction.opcode <= 0x5f) {  // pop
            registers_[instruction.opcode_register] = unknown();
        }
        if (instruction.reg < registers_.size()) registers_[instruction.reg] = unknown();
        if (instruction.rm < registers_.size()) registers_[instruction.rm] = unknown();
        if (one_byte && instruction.reg == kNoRegister && instruction.opcode < 0x50)
            registers_[kRax] = unknown();
    }

    const elf::ElfFile& file_;
    std::array<Value, 16> registers_{};
};

// An offset that lies in the file's own thread-local storage. Everything else is a misreading (or
// %fs:0x28, the stack guard).
bool is_plausible(const elf::ElfFile& file, const TlsVariable& variable) {
    for (const elf::Segment& segment : file.segments()) {
        if (segment.type != PT_TLS || segment.memory_size > (uint64_t{1} << 30)) continue;
        const uint64_t alignment =
            segment.alignment > 1 && segment.alignment <= 4096 ? segment.alignment : 1;
        const auto size =
            static_cast<int64_t>((segment.memory_size + alignment - 1) / alignment * alignment);
        switch (variable.model) {
            case TlsModel::kThreadPointer:
                return variable.offset < 0 && variable.offset >= -size;
            case TlsModel::kModule:
                return variable.offset >= 0 && variable.offset < size;
            case TlsModel::kOffsetSlot:
                return variable.offset >= 0 && variable.offset < size;
        }
    }
    return false;
}

}  // namespace

std::optional<TlsVariable> returned_tls_variable(const elf::ElfFile& file,
                                                 const elf::Symbol& function) {
    if (file.machine() != EM_X86_64) return std::nullopt;
    const Value value = Interpreter(file).run(function);
    if (value.kind != Value::kTlsValue || !is_plausible(file, value.tls)) return std::nullopt;
    return value.tls;
}

std::optional<StatedAddress> returned_variable(const elf::ElfFile& file,
                                               const elf::Symbol& function) {
    if (file.machine() != EM_X86_64) return std::nullopt;
    const Value value = Interpreter(file).run(function);
    if (value.kind != Value::kLoaded || value.offset != 0) return std::nullopt;
    return StatedAddress{value.number};
}

std::optional<CallArgument> first_call_argument(const elf::ElfFile& file,
                                                const elf::Symbol& function) {
    if (file.machine() != EM_X86_64) return std::nullopt;
    std::optional<CallArgument> found;
    Interpreter(file).run(function, [&](const Value& argument) {
        if (found) return;
        if (argument.kind == Value::kLoadedInt) {
            found = CallArgument{.kind = CallArgument::kLoadedInt, .address = {argument.number}};
        } else if (argument.kind == Value::kAddress || argument.kind == Value::kConstant) {
            found = CallArgument{.kind = CallArgument::kPointer, .address = {argument.number}};
        } else if (argument.kind == Value::kLoaded) {
            found =
                CallArgument{.kind = CallArgument::kPointerIntoSymbol, .offset = argument.offset};
        }
    });
    return found;
}

}  // namespace pyebpf::python
