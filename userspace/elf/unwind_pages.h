// SPDX-License-Identifier: Apache-2.0
// UnwindPages collects the rules of ascending addresses page by page and packs them as
// bpf/abi/unwind.h lays down.
//
// While collecting, a row is one word {pc & 255, rule} with rules numbered as they come. The final
// numbers (the commonest first, so that they fit into the narrow rows' 8 bits) are known only at
// the end.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/addresses.h"
#include "elf/unwind_table.h"

namespace pyebpf::elf {

class UnwindPages {
  public:
    // Covers the pages that hold [begin, end), which must lie below 2^40 (first_page has 32 bits).
    UnwindPages(StatedAddress begin, StatedAddress end);

    // From pc on the rule is in force. pc must not be below that of the call before, nor outside
    // the range.
    void set(StatedAddress pc, const unwind_rule& rule);

    // Rows set, not counting those that changed nothing.
    [[nodiscard]] uint64_t rows() const { return row_count_; }
    [[nodiscard]] uint64_t unsupported_rows() const { return unsupported_row_count_; }

    // One table; more, each for a part of the pages, if it would take more than max_words. Leaves
    // nothing behind.
    [[nodiscard]] std::vector<UnwindTable> pack(size_t max_words) &&;

  private:
    struct Row {
        uint16_t low = 0;   // pc & 255
        uint16_t rule = 0;  // as numbered here
    };
    static_assert(sizeof(Row) == 4);

    [[nodiscard]] uint16_t number_of(const unwind_rule& rule);
    void open_pages_up_to(uint64_t page);
    [[nodiscard]] std::span<const Row> rows_of(uint64_t page) const;
    void pack_range(uint64_t first, uint64_t end, size_t max_words,
                    std::vector<UnwindTable>& tables) const;
    [[nodiscard]] UnwindTable pack_table(uint64_t first, uint64_t end) const;

    uint64_t first_page_ = 0;
    uint64_t page_count_ = 0;
    std::vector<Row> rows_;
    std::vector<uint32_t> first_rows_;  // by page; the last opened page ends with rows_
    uint16_t current_ = 0;              // the rule in force
    std::vector<unwind_rule> rules_;    // rules_[0] is CFA_NONE
    std::unordered_map<uint64_t, uint16_t> numbers_;
    uint64_t row_count_ = 0;
    uint64_t unsupported_row_count_ = 0;
};

}  // namespace pyebpf::elf
