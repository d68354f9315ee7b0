// SPDX-License-Identifier: Apache-2.0
// Reads one compilation unit with libdw.
#pragma once

#include <cstdint>
#include <memory>

#include "symbolize/executable_ranges.h"
#include "symbolize/unit_index.h"

struct Dwarf;  // elfutils/libdw.h

namespace pyebpf::symbolize {

// unit: offset of the unit's entry in .debug_info. Code outside `code` is left out. has_lines:
// whether to read its line table. Null if the unit cannot be read. The index points into texts of
// `dwarf`.
[[nodiscard]] std::unique_ptr<const UnitIndex> read_dwarf_unit(Dwarf* dwarf, uint64_t unit,
                                                               const ExecutableRanges& code,
                                                               bool has_lines);

}  // namespace pyebpf::symbolize
