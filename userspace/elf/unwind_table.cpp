// SPDX-License-Identifier: Apache-2.0
#include "elf/unwind_table.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "elf/call_frame_program.h"
#include "elf/frame_analysis.h"
#include "elf/frame_entries.h"
#include "elf/unwind_pages.h"
#include "elf/unwind_rule_x86_64.h"

namespace pyebpf::elf {

namespace {

constexpr uint64_t kPageBytes = uint64_t{1} << UNWIND_PAGE_SHIFT;
constexpr uint64_t kEndOfPages = kPageBytes << 32;  // page numbers have 32 bits
// The code model of x86-64 allows 2 GiB, the largest browsers have 200 MiB. Bounds the index of a
// sparse file.
constexpr uint64_t kMaxExecutableBytes = uint64_t{1} << 30;
// Functions are aligned to 16 bytes. In smaller holes there is only padding, and the rule before
// stays in force.
constexpr uint64_t kMinHoleBytes = 16;
constexpr size_t kMinTableWords = 1024;
// Of one description. The largest functions of interpreters and BLAS have some ten thousand.
constexpr size_t kMaxDescriptionRows = size_t{1} << 20;

// Of one file: the kernels of OpenBLAS for all CPUs take 2.3 million.
constexpr size_t kMaxAnalysisSteps = size_t{1} << 24;
// The loaders' _start, written by hand, has less than a hundred bytes.
constexpr uint64_t kMaxStartBytes = 256;

// Executable segments with file contents, sorted; those that share or touch a page are one range.
std::vector<CodeSpan> executable_ranges(const ElfFile& file) {
    std::vector<CodeSpan> ranges;
    for (const Segment& segment : file.segments()) {
        if (segment.type != PT_LOAD || (segment.flags & PF_X) == 0 || segment.file_size == 0)
            continue;
        const StatedAddress end = segment.address + segment.file_size;
        if (end.value > kEndOfPages) continue;
        ranges.push_back({segment.address, end});
    }
    std::sort(ranges.begin(), ranges.end(),
              [](const CodeSpan& a, const CodeSpan& b) { return a.begin < b.begin; });
    std::vector<CodeSpan> merged;
    for (const CodeSpan& range : ranges) {
        const bool is_near = !merged.empty() && range.begin.value / kPageBytes <=
                                                    (merged.back().end.value - 1) / kPageBytes + 1;
        if (is_near) {
            merged.back().end = std::max(merged.back().end, range.end);
        } else {
            merged.push_back(range);
        }
    }
    return merged;
}

// Whether the code at an address begins as what the kernel starts does: the arguments are on the
// stack, and no frame is below (System V ABI, x86-64, section 3.4.1).
bool is_process_start(const ElfFile& file, StatedAddress address) {
    constexpr std::array<uint8_t, 4> kBranchTarget{0xf3, 0x0f, 0x1e, 0xfa};  // endbr64
    constexpr std::array<uint8_t, 2> kClearEbp{0x31, 0xed};                  // xor %ebp,%ebp
    constexpr std::array<uint8_t, 3> kClearRbp{0x48, 0x31, 0xed};            // xor %rbp,%rbp
    constexpr std::array<uint8_t, 3> kTakeArguments{0x48, 0x89, 0xe7};       // mov %rsp,%rdi
    std::span<const uint8_t> code = file.bytes_from(address, 8);
    const auto begins_with = [&](std::span<const uint8_t> instruction) {
        return code.size() >= instruction.size() &&
               std::ranges::equal(code.first(instruction.size()), instruction);
    };
    if (begins_with(kBranchTarget)) code = code.subspan(kBranchTarget.size());
    return begins_with(kClearEbp) || begins_with(kClearRbp) || begins_with(kTakeArguments);
}

// A function by its symbol, which may have no description.
struct Function {
    StatedAddress begin;
    StatedAddress end;
    bool is_process_start = false;
};

// Sorted, none overlaps the next. The loaders' _start, which calls but is not called, is one even
// without a symbol.
std::vector<Function> functions_of(const ElfFile& file) {
    std::vector<Function> functions;
    for (const Symbol& symbol : file.symbols()) {
        if (symbol.kind != SymbolKind::kFunction) continue;
        const StatedAddress end = symbol.address + symbol.size;
        if (symbol.address < end && end.value < kEndOfPages)
            functions.push_back({symbol.address, end});
    }
    const StatedAddress start = file.entry();
    if (is_process_start(file, start)) functions.push_back({start, start + kMaxStartBytes, true});
    // Of those that begin at one address the start of the process counts, or the longest.
    std::ranges::sort(functions, {}, [](const Function& one) {
        return std::tuple(one.begin, !one.is_process_start, ~one.end.value);
    });
    const auto same = std::ranges::unique(functions, {}, &Function::begin);
    functions.erase(same.begin(), same.end());
    for (size_t i = 0; i + 1 < functions.size(); ++i)
        functions[i].end = std::min(functions[i].end, functions[i + 1].begin);
    return functions;
}

// Fills pages with the rules of one file's descriptions, one after the other; of code that has
// none, with what its instructions tell.
class Compiler {
  public:
    Compiler(const ElfFile& file, const FrameEntries& entries)
        : file_(file), entries_(entries), programs_(entries, kFrameRegistersX86_64) {}

    void compile(const CodeSpan& range, std::span<const Description> descriptions,
                 UnwindPages& pages) {
        StatedAddress covered = range.begin;
        for (const Description& description : descriptions) {
            if (description.begin - covered >= kMinHoleBytes)
                add_hole(covered, description.begin, pages);
            covered = std::min(description.end, range.end);
            add(description, covered, pages);
        }
        if (covered < range.end) add_hole(covered, range.end, pages);
    }

    [[nodiscard]] const UnwindTableStatistics& statistics() const { return statistics_; }
    [[nodiscard]] std::vector<CodeSpan> take_analyzed() { return std::move(analyzed_); }

  private:
    static constexpr unwind_rule kNone{.cfa_kind = CFA_NONE};
    static constexpr unwind_rule kEnd{.cfa_kind = CFA_END};

    void add_hole(StatedAddress begin, StatedAddress end, UnwindPages& pages) {
        pages.set(begin, kNone);
        if (!functions_) functions_ = functions_of(file_);
        auto function = std::ranges::lower_bound(*functions_, begin, {}, &Function::begin);
        for (; function != functions_->end() && function->begin < end; ++function) {
            const StatedAddress function_end = std::min(function->end, end);
            if (function->is_process_start) {
                pages.set(function->begin, kEnd);
            } else {
                analyze(function->begin, function_end, pages);
            }
            if (function_end < end) pages.set(function_end, kNone);
        }
    }

    void analyze(StatedAddress begin, StatedAddress end, UnwindPages& pages) {
        if (end - begin > FrameAnalyzer::kMaxFunctionBytes) return;
        code_.resize(end - begin);
        if (!file_.copy_from(begin, code_)) return;
        if (analyzed_.empty() || begin - analyzed_.back().end >= kMinHoleBytes) {
            analyzed_.push_back({begin, end});
        } else {
            analyzed_.back().end = end;
        }
        StatedAddress covered = begin;
        for (const AnalyzedInstruction& instruction : analyzer_.analyze(code_)) {
            const StatedAddress pc = begin + instruction.offset;
            // One that begins within another, as no compiler writes it.
            if (pc < covered) continue;
            if (pc != covered) pages.set(covered, kNone);
            pages.set(pc, unwind_rule_of(instruction.state));
            covered = pc + instruction.length;
            statistics_.analyzed_bytes += instruction.length;
        }
        if (covered < end) pages.set(covered, kNone);
    }

    void add(const Description& description, StatedAddress end, UnwindPages& pages) {
        const uint64_t return_register = entries_.common(description.common).return_register;
        rows_.clear();
        const bool is_complete =
            programs_.run(description, [&](StatedAddress pc, const FrameRow& row) {
                if (rows_.size() > kMaxDescriptionRows) return;
                rows_.push_back({pc, unwind_rule_x86_64(row, return_register)});
            });
        const bool is_good = is_complete && rows_.size() <= kMaxDescriptionRows;
        ++(is_good ? statistics_.descriptions : statistics_.bad_descriptions);
        if (!is_good) {
            pages.set(description.begin, kNone);
            return;
        }
        for (const auto& [pc, rule] : rows_) {
            if (pc < end) pages.set(pc, rule);
        }
    }

    const ElfFile& file_;
    const FrameEntries& entries_;
    CallFramePrograms programs_;
    FrameAnalyzer analyzer_{kMaxAnalysisSteps};
    std::optional<std::vector<Function>> functions_;           // if there is a hole
    std::vector<std::pair<StatedAddress, unwind_rule>> rows_;  // of one description
    UnwindTableStatistics statistics_;
    std::vector<CodeSpan> analyzed_;
    std::vector<uint8_t> code_;  // of one function
};

}  // namespace

std::vector<FrameDescription> frame_descriptions(const ElfFile& file) {
    const FrameEntries entries(file);
    std::vector<FrameDescription> found;
    found.reserve(entries.descriptions().size());
    for (const Description& description : entries.descriptions()) {
        found.push_back({.begin = description.begin,
                         .end = description.end,
                         .signal_frame = entries.common(description.common).is_signal_frame});
    }
    return found;
}

Result<std::vector<UnwindTable>> compile_unwind_tables(const ElfFile& file, size_t max_words) {
    PYEBPF_CHECK(max_words >= kMinTableWords);
    if (file.machine() != EM_X86_64) {
        return fail(file.name() + ": unwind tables are made for x86-64 only");
    }
    const std::vector<CodeSpan> ranges = executable_ranges(file);
    UnwindTableStatistics statistics;
    for (const CodeSpan& range : ranges) statistics.executable_bytes += range.end - range.begin;
    if (statistics.executable_bytes > kMaxExecutableBytes) {
        return fail(fmt::format("{}: {} bytes of code are more than the {} that are supported",
                                file.name(), statistics.executable_bytes, kMaxExecutableBytes));
    }

    const FrameEntries entries(file);
    Compiler compiler(file, entries);
    std::vector<UnwindTable> tables;
    for (const CodeSpan& range : ranges) {
        const auto all = entries.descriptions();
        const auto is_below = [](const Description& description, StatedAddress address) {
            return description.begin < address;
        };
        const auto first = std::lower_bound(all.begin(), all.end(), range.begin, is_below);
        const auto last = std::lower_bound(first, all.end(), range.end, is_below);
        if (first == last) continue;
        UnwindPages pages(range.begin, range.end);
        compiler.compile(range, {first, last}, pages);
        statistics.rows += pages.rows();
        statistics.unsupported_rows += pages.unsupported_rows();
        auto packed = std::move(pages).pack(max_words);
        std::move(packed.begin(), packed.end(), std::back_inserter(tables));
    }
    statistics.descriptions = compiler.statistics().descriptions;
    statistics.analyzed_bytes = compiler.statistics().analyzed_bytes;
    statistics.bad_descriptions =
        compiler.statistics().bad_descriptions + entries.bad_descriptions();
    if (!tables.empty()) {
        tables.front().statistics = statistics;
        tables.front().analyzed = compiler.take_analyzed();
    }
    return tables;
}

std::optional<unwind_rule> UnwindTable::lookup(StatedAddress pc) const {
    const uint64_t page = pc.value >> UNWIND_PAGE_SHIFT;
    if (page < first_page || page - first_page >= index.size()) return std::nullopt;
    const uint32_t word = index[page - first_page];
    if ((word & UNWIND_INDEX_SINGLE) != 0) return rules[word & 0xffff];
    const bool is_wide = (word & UNWIND_INDEX_WIDE) != 0;
    const uint32_t count = word >> UNWIND_INDEX_COUNT_SHIFT & UNWIND_INDEX_COUNT_MASK;
    const uint32_t first = word & UNWIND_INDEX_ROW_MASK;
    const uint64_t low = pc.value & (kPageBytes - 1);
    uint32_t in_force = 0;
    while (in_force + 1 < count) {
        const uint16_t unit = rows[first + (in_force + 1) * (is_wide ? 2 : 1)];
        if ((is_wide ? unit : unit >> 8) > low) break;
        ++in_force;
    }
    return rules[is_wide ? rows[first + in_force * 2 + 1] : rows[first + in_force] & 0xff];
}

}  // namespace pyebpf::elf
