// SPDX-License-Identifier: Apache-2.0
// What the instructions of a function do to its frame: for code without call frame information,
// such as the kernels of OpenBLAS, which are written in assembler. x86-64.
//
// From its entry on, all direct jumps are followed. Where two ways meet, only what both agree in is
// known. Code is foreign: time and memory are bounded, and what is not understood is not known.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "bpf/abi/unwind.h"

namespace pyebpf::elf {

// What is known of the frame before an instruction is carried out.
struct FrameState {
    static constexpr int32_t kUnknown = std::numeric_limits<int32_t>::min();

    std::array<int32_t, 16> registers{};     // by DWARF number: its distance from the CFA
    bool has_callers_frame_pointer = false;  // in rbp
    int32_t saved_frame_pointer = kUnknown;  // distance from the CFA of where it was stored

    bool operator==(const FrameState&) const = default;
};

struct AnalyzedInstruction {
    size_t offset = 0;
    size_t length = 0;
    FrameState state;
};

class FrameAnalyzer {
  public:
    static constexpr size_t kMaxFunctionBytes = size_t{1} << 18;

    // Of all functions together; a step takes some 100 ns.
    explicit FrameAnalyzer(size_t max_steps) : steps_left_(max_steps) {}

    // The instructions that are reached from the first byte, by offset. Empty if something that
    // is reached is no instruction, the steps have come to their end, or it is too large.
    [[nodiscard]] std::vector<AnalyzedInstruction> analyze(std::span<const uint8_t> function);

  private:
    size_t steps_left_;
};

// CFA_NONE if the CFA is not known.
[[nodiscard]] unwind_rule unwind_rule_of(const FrameState& state);

}  // namespace pyebpf::elf
