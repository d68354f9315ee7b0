// SPDX-License-Identifier: Apache-2.0
// Code that does not exist, with unwind rules that a test chooses: what user space publishes of a
// process (code ranges and a slab), for the native walker.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "bpf/abi/unwind.h"
#include "elf/unwind_pages.h"
#include "elf/unwind_table.h"
#include "tests/bpf_usermode/surroundings.h"

namespace pyebpf::test {

class MadeUpCode {
  public:
    // Appends tables to the slab; a range is a mapping of a part of them.
    void add_table(const elf::UnwindTable& table, uint64_t start, uint64_t bias) {
        code_range range{};
        range.start = start;
        range.bias = bias;
        range.first_page = table.first_page;
        range.pages = static_cast<uint32_t>(table.index.size());
        range.index_base = static_cast<uint32_t>(slab_.size());
        slab_.insert(slab_.end(), table.index.begin(), table.index.end());
        range.rows_base = static_cast<uint32_t>(slab_.size());
        for (size_t i = 0; i < table.rows.size(); i += 2) {
            slab_.push_back(table.rows[i] |
                            (i + 1 < table.rows.size() ? uint32_t{table.rows[i + 1]} << 16 : 0));
        }
        range.rules_base = static_cast<uint32_t>(slab_.size());
        for (const unwind_rule& rule : table.rules) {
            uint32_t words[2];
            std::memcpy(words, &rule, sizeof(words));
            slab_.insert(slab_.end(), {words[0], words[1]});
        }
        range.kind = RANGE_TABLE;
        ranges_.push_back(range);
    }
    void add_range(uint64_t start, range_kind kind) {
        code_range range{};
        range.start = start;
        range.kind = kind;
        ranges_.push_back(range);
    }
    // Rules by mapped address, each in force up to the next, in a mapping [start, end).
    void add_rules(uint64_t start, uint64_t end, const std::map<uint64_t, unwind_rule>& rules) {
        const uint64_t bias = start - 0x1000;
        elf::UnwindPages pages({start - bias}, {end - bias});
        for (const auto& [address, rule] : rules) pages.set({address - bias}, rule);
        for (const elf::UnwindTable& table : std::move(pages).pack(UNWIND_SLAB_WORDS))
            add_table(table, start, bias);
    }

    // In the order of addresses, as the kernel side wants them.
    void install(Surroundings& surroundings) {
        std::ranges::sort(ranges_, {}, &code_range::start);
        surroundings.set_code(ranges_, slab_);
    }
    [[nodiscard]] uint32_t range_count() const { return static_cast<uint32_t>(ranges_.size()); }

  private:
    std::vector<code_range> ranges_;
    std::vector<uint32_t> slab_;
};

}  // namespace pyebpf::test
