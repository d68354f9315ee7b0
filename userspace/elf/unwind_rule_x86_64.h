// SPDX-License-Identifier: Apache-2.0
// What a row of call frame information is for the kernel's walker on x86-64: one unwind_rule.
#pragma once

#include "bpf/abi/unwind.h"
#include "elf/call_frame_program.h"

namespace pyebpf::elf {

// DWARF numbers: System V ABI, AMD64 supplement, figure 3.36.
inline constexpr FrameRegisters kFrameRegistersX86_64{.frame_pointer = 6, .stack_pointer = 7};

// CFA_UNSUPPORTED if no kind of rule says the same as the row.
[[nodiscard]] unwind_rule unwind_rule_x86_64(const FrameRow& row, uint64_t return_register);

}  // namespace pyebpf::elf
