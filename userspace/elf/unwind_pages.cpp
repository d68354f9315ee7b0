// SPDX-License-Identifier: Apache-2.0
#include "elf/unwind_pages.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "base/result.h"

namespace pyebpf::elf {

namespace {

constexpr uint64_t kPageMask = (uint64_t{1} << UNWIND_PAGE_SHIFT) - 1;
constexpr size_t kMaxNarrowRule = 0xff;
constexpr size_t kMaxRules = 0x10000;  // numbers have 16 bits
// What the index can count. Among libc, libstdc++, libcrypto, OpenBLAS, numpy and the CPythons only
// one page has more, in memoryview_tolist of a CPython 3.11: its last 14 bytes have no rule.
constexpr size_t kMaxPageRows = UNWIND_INDEX_COUNT_MASK;

uint64_t identity_of(const unwind_rule& rule) {
    return std::bit_cast<uint64_t>(rule);
}

}  // namespace

UnwindPages::UnwindPages(StatedAddress begin, StatedAddress end)
    : first_page_(begin.value >> UNWIND_PAGE_SHIFT),
      page_count_(((end.value + kPageMask) >> UNWIND_PAGE_SHIFT) - first_page_) {
    PYEBPF_CHECK(begin < end && end.value <= uint64_t{1} << (32 + UNWIND_PAGE_SHIFT));
    first_rows_.reserve(page_count_);
    const unwind_rule none{.cfa_kind = CFA_NONE};
    rules_.push_back(none);
    numbers_.emplace(identity_of(none), uint16_t{0});
}

uint16_t UnwindPages::number_of(const unwind_rule& rule) {
    const auto known = numbers_.find(identity_of(rule));
    if (known != numbers_.end()) return known->second;
    const unwind_rule unsupported{.cfa_kind = CFA_UNSUPPORTED};
    const bool is_unsupported = identity_of(rule) == identity_of(unsupported);
    // The last number is kept for what has no rule of its own. Real files use some hundred.
    if (rules_.size() + 1 >= kMaxRules && !is_unsupported) return number_of(unsupported);
    const auto number = static_cast<uint16_t>(rules_.size());
    rules_.push_back(rule);
    numbers_.emplace(identity_of(rule), number);
    return number;
}

void UnwindPages::open_pages_up_to(uint64_t page) {
    while (first_rows_.size() <= page) {
        first_rows_.push_back(static_cast<uint32_t>(rows_.size()));
        rows_.push_back({.low = 0, .rule = current_});
    }
}

void UnwindPages::set(StatedAddress pc, const unwind_rule& rule) {
    const uint16_t number = number_of(rule);
    if (number == current_) return;
    const uint64_t page = (pc.value >> UNWIND_PAGE_SHIFT) - first_page_;
    PYEBPF_CHECK(page < page_count_ && page + 1 >= first_rows_.size());
    open_pages_up_to(page);
    current_ = number;
    ++row_count_;
    if (rules_[number].cfa_kind == CFA_UNSUPPORTED) ++unsupported_row_count_;

    const auto low = static_cast<uint16_t>(pc.value & kPageMask);
    const size_t in_page = rows_.size() - first_rows_.back();
    if (rows_.back().low == low) {
        // Replaces a row that would be empty, and is needless itself if it only repeats the one
        // before.
        rows_.back().rule = number;
        if (in_page > 1 && rows_[rows_.size() - 2].rule == number) rows_.pop_back();
    } else if (in_page < kMaxPageRows) {
        rows_.push_back({.low = low, .rule = number});
    } else {
        rows_.back().rule = number_of({.cfa_kind = CFA_UNSUPPORTED});
        ++unsupported_row_count_;
    }
}

std::span<const UnwindPages::Row> UnwindPages::rows_of(uint64_t page) const {
    const size_t begin = first_rows_[page];
    const size_t end = page + 1 < first_rows_.size() ? first_rows_[page + 1] : rows_.size();
    return std::span(rows_).subspan(begin, end - begin);
}

std::vector<UnwindTable> UnwindPages::pack(size_t max_words) && {
    open_pages_up_to(page_count_ - 1);
    std::vector<UnwindTable> tables;
    pack_range(0, page_count_, max_words, tables);
    return tables;
}

void UnwindPages::pack_range(uint64_t first, uint64_t end, size_t max_words,
                             std::vector<UnwindTable>& tables) const {
    if (end - first <= max_words) {  // the index alone takes a word per page
        UnwindTable table = pack_table(first, end);
        const bool fits =
            table.size_words() <= max_words && table.rows.size() <= UNWIND_INDEX_ROW_MASK;
        if (fits || end - first == 1) {
            tables.push_back(std::move(table));
            return;
        }
    }
    const uint64_t middle = first + (end - first) / 2;
    pack_range(first, middle, max_words, tables);
    pack_range(middle, end, max_words, tables);
}

UnwindTable UnwindPages::pack_table(uint64_t first, uint64_t end) const {
    // Pages with one rule have room for its number in the index; only the others care for small
    // numbers.
    std::vector<uint32_t> uses(rules_.size());
    std::vector<bool> is_used(rules_.size());
    is_used[0] = true;
    for (uint64_t page = first; page < end; ++page) {
        const auto rows = rows_of(page);
        for (const Row& row : rows) {
            is_used[row.rule] = true;
            if (rows.size() > 1) ++uses[row.rule];
        }
    }
    std::vector<uint16_t> order(rules_.size());
    std::iota(order.begin(), order.end(), uint16_t{0});
    std::stable_sort(order.begin() + 1, order.end(),
                     [&](uint16_t a, uint16_t b) { return uses[a] > uses[b]; });
    std::erase_if(order, [&](uint16_t rule) { return !is_used[rule]; });

    UnwindTable table{.first_page = static_cast<uint32_t>(first_page_ + first)};
    std::vector<uint16_t> final_number(rules_.size());
    table.rules.reserve(order.size());
    for (const uint16_t rule : order) {
        final_number[rule] = static_cast<uint16_t>(table.rules.size());
        table.rules.push_back(rules_[rule]);
    }

    table.index.reserve(end - first);
    bool was_wide = false;  // the page whose rows were added last
    for (uint64_t page = first; page < end; ++page) {
        const auto rows = rows_of(page);
        if (rows.size() == 1) {
            table.index.push_back(UNWIND_INDEX_SINGLE | final_number[rows[0].rule]);
            continue;
        }
        const bool is_wide = std::any_of(rows.begin(), rows.end(), [&](const Row& row) {
            return final_number[row.rule] > kMaxNarrowRule;
        });
        // The rule at the start of a page is mostly that of the last row before, which stands for
        // it.
        const bool shares_row =
            !table.rows.empty() && is_wide == was_wide &&
            (is_wide ? table.rows.back() : table.rows.back() & 0xff) == final_number[rows[0].rule];
        const size_t shared_units = shares_row ? (is_wide ? 2 : 1) : 0;
        was_wide = is_wide;
        const auto first_unit =
            static_cast<uint32_t>(table.rows.size() - shared_units) & UNWIND_INDEX_ROW_MASK;
        const auto count = static_cast<uint32_t>(rows.size()) << UNWIND_INDEX_COUNT_SHIFT;
        table.index.push_back((is_wide ? UNWIND_INDEX_WIDE : 0) | count | first_unit);
        for (const Row& row : rows.subspan(shares_row ? 1 : 0)) {
            if (is_wide) {
                table.rows.push_back(row.low);
                table.rows.push_back(final_number[row.rule]);
            } else {
                table.rows.push_back(static_cast<uint16_t>(row.low << 8 | final_number[row.rule]));
            }
        }
    }
    return table;
}

}  // namespace pyebpf::elf
