// SPDX-License-Identifier: Apache-2.0
// Reads where a variable is out of the machine code of the small exported function that returns it.
// Stripped files keep the function but not the variable's symbol:
//
//   _PyThreadState_GetCurrent, executable    mov %fs:-24, %rax; ret
//   _PyThreadState_GetCurrent, library       lea GOT, %rdi; call __tls_get_addr; mov 8(%rax), %rax
//   PyInterpreterState_Head                  mov interp_head(%rip), %rax; ret
//   PyGILState_GetThisThreadState            mov autoTLSkey(%rip), %edi; jmp …_get_key_value
//
// x86-64 only. The code is followed in a straight line, with conditional jumps not taken, over at
// most a few dozen instructions.
#pragma once

#include <cstdint>
#include <optional>

#include "base/addresses.h"
#include "elf/elf_file.h"

namespace pyebpf::python {

// How a thread-local variable is reached (ELF handling for thread-local storage, section 4).
enum class TlsModel : uint8_t {
    // Local exec: offset is from the thread pointer, negative on x86-64.
    kThreadPointer,
    // General and local dynamic: slot holds the module id, offset is within the module's block.
    kModule,
    // Initial exec, and descriptors: at run time the 8 bytes at slot hold an offset from the thread
    // pointer, to which offset is added. (A descriptor of a library that was loaded late holds a
    // pointer instead.)
    kOffsetSlot,
};

struct TlsVariable {
    TlsModel model = TlsModel::kThreadPointer;
    StatedAddress slot;
    int64_t offset = 0;
    bool operator==(const TlsVariable&) const = default;
};

// The thread-local variable that the function returns.
[[nodiscard]] std::optional<TlsVariable> returned_tls_variable(const elf::ElfFile& file,
                                                               const elf::Symbol& function);

// The address of the ordinary variable that the function returns.
[[nodiscard]] std::optional<StatedAddress> returned_variable(const elf::ElfFile& file,
                                                             const elf::Symbol& function);

// The first argument of the first call (or tail call) that has one: the address of an int that was
// loaded, or a pointer.
struct CallArgument {
    enum Kind : uint8_t { kLoadedInt, kPointer, kPointerIntoSymbol } kind = kPointer;
    StatedAddress address;  // of the int; the pointer; 0 for kPointerIntoSymbol
    int64_t offset =
        0;  // kPointerIntoSymbol: from a symbol whose address is in the global offset table
};
[[nodiscard]] std::optional<CallArgument> first_call_argument(const elf::ElfFile& file,
                                                              const elf::Symbol& function);

}  // namespace pyebpf::python
