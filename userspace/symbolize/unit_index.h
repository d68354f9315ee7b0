// SPDX-License-Identifier: Apache-2.0
// UnitIndex: what one compilation unit's DWARF says about its code, arranged for lookups by
// address.
//
//   functions   f ── inlined g ── inlined h   a tree; ranges of addresses lead to the innermost
//   lines       address -> file, line         sorted; gaps between sequences have no line
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "symbolize/flat_ranges.h"

namespace pyebpf::symbolize {

// One level of an address's inline stack. Texts are valid until the next lookup.
struct SourceFrame {
    // The linkage name if there is one (see demangle.h), else the qualified name; may be empty.
    std::string_view function;
    std::string_view file;    // may be empty
    uint32_t line = 0;        // current line; of a caller: of the call; 0: not known
    uint32_t first_line = 0;  // where the function is declared; 0: not known
    bool inlined = false;     // into the next frame
};

class UnitIndex {
  public:
    static constexpr uint32_t kNone = UINT32_MAX;

    struct Function {
        std::string_view name;
        uint32_t first_line = 0;
        uint32_t caller = kNone;  // of an inlined call: the function that it is inlined into
        uint32_t call_file = 0;
        uint32_t call_line = 0;
    };

    struct Line {
        uint64_t address = 0;
        uint32_t file = 0;
        uint32_t line = 0;
        bool ends_sequence = false;
    };

    // files: names by the numbers that lines and calls use. ranges: values are indices of
    // functions, ranks are depths of inlining. lines: sorted by address. names: texts that
    // functions and files point into.
    UnitIndex(std::vector<Function> functions, const std::vector<RankedRange>& ranges,
              std::vector<Line> lines, std::vector<std::string_view> files,
              std::deque<std::string> names);

    // Appends the frames at address, innermost first; nothing if the unit knows neither line nor
    // function.
    void lookup(uint64_t address, std::vector<SourceFrame>& frames) const;

    // Rows of all tables, a measure of memory (about 30 bytes each).
    [[nodiscard]] size_t rows() const { return functions_.size() + ranges_.size() + lines_.size(); }

  private:
    [[nodiscard]] std::string_view file(uint32_t number) const {
        return number < files_.size() ? files_[number] : std::string_view{};
    }
    [[nodiscard]] const Line* line_at(uint64_t address) const;

    std::vector<Function> functions_;
    FlatRanges ranges_;
    std::vector<Line> lines_;
    std::vector<std::string_view> files_;
    std::deque<std::string> names_;
};

}  // namespace pyebpf::symbolize
