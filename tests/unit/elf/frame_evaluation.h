// SPDX-License-Identifier: Apache-2.0
// Takes one frame step with made-up registers and made-up memory, once as elfutils' libdw describes
// it and once as an unwind_rule says, so that the two can be compared without either knowing how
// the other stores it.
#pragma once

#include <elfutils/libdw.h>

#include <array>
#include <cstdint>
#include <optional>

#include "bpf/abi/unwind.h"

namespace pyebpf::elf {

// DWARF numbers; 16 is rip.
using Registers = std::array<uint64_t, 17>;

// A word of memory: any function of the address will do.
[[nodiscard]] uint64_t memory_at(uint64_t address);

struct Caller {
    enum class Outcome { kStep, kEnd, kUnknown };
    Outcome outcome = Outcome::kUnknown;
    uint64_t rip = 0;
    uint64_t rsp = 0;
    std::optional<uint64_t> rbp;  // nullopt if it cannot be known

    bool operator==(const Caller&) const = default;
};

[[nodiscard]] Caller step_by_libdw(Dwarf_Frame* frame, const Registers& registers);
[[nodiscard]] Caller step_by_rule(const unwind_rule& rule, const Registers& registers);

}  // namespace pyebpf::elf
