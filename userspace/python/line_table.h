// SPDX-License-Identifier: Apache-2.0
// Decodes CPython's location tables: instruction offset -> line and columns, exactly as the
// interpreter's own co_positions(). Four formats: lnotab of 2.7 (unsigned deltas), lnotab
// of 3.6-3.9, line table of 3.10 (PEP 626), location table of 3.11+ (PEP 657). Tables come from
// foreign memory: any bytes are accepted, decoding is linear in their number.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace pyebpf::python {

struct Location {
    int32_t line = 0;      // 1-based; 0 is legal (start of a module in 3.11+)
    int32_t end_line = 0;  // = line where the format has none
    int32_t column = -1;   // 0-based UTF-8 byte offset, -1: not known
    int32_t end_column = -1;
    bool operator==(const Location&) const = default;
};

// offset: of the current instruction in bytes; negative = not started yet. nullopt: the table gives
// this instruction no location.
[[nodiscard]] std::optional<Location> locate(int major, int minor, std::span<const uint8_t> table,
                                             int32_t first_line, int32_t offset);

// What to show for a sample: locate(), else the nearest line before it, else first_line
// (docs/cpython.md, "lines").
[[nodiscard]] Location displayed_location(int major, int minor, std::span<const uint8_t> table,
                                          int32_t first_line, int32_t offset);

}  // namespace pyebpf::python
