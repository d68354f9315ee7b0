// SPDX-License-Identifier: Apache-2.0
#include "symbolize/file_symbols.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "symbolize/executable_ranges.h"
#include "symbolize/symbol_rank.h"

namespace pyebpf::symbolize {
namespace {

// Real nesting is a function with entry points inside, one or two deep. Deeper symbols of a hostile
// file are left out, so that a lookup takes a bounded number of steps.
constexpr size_t kMaxNesting = 8;

// "$a", "$d.1", "$x": marks of code and data in files for ARM (ELF for the Arm 64-bit Architecture,
// "Mapping symbols").
// ".L1" are labels that an assembler should have dropped.
bool is_mark(std::string_view name) {
    return name.empty() || name.starts_with(".L") ||
           (name.size() >= 2 && name[0] == '$' && (name.size() == 2 || name[2] == '.'));
}

std::string_view without_version(std::string_view name) {
    const size_t at = name.find('@');
    return at == std::string_view::npos || at == 0 ? name : name.substr(0, at);
}

void append_functions(std::vector<elf::Symbol>& functions, const elf::ElfFile& file,
                      const ExecutableRanges& code) {
    for (elf::Symbol& symbol : file.symbols()) {
        if (symbol.kind != elf::SymbolKind::kFunction && symbol.kind != elf::SymbolKind::kOther)
            continue;
        if (is_mark(symbol.name) || !code.contains(symbol.address.value)) continue;
        symbol.name = without_version(symbol.name);
        functions.push_back(symbol);
    }
}

// By address; of those at one address the best first.
bool ranks_before(const elf::Symbol& a, const elf::Symbol& b) {
    if (a.address != b.address) return a.address < b.address;
    const bool a_function = a.kind == elf::SymbolKind::kFunction;
    const bool b_function = b.kind == elf::SymbolKind::kFunction;
    if (a_function != b_function) return a_function;
    if (a.is_global != b.is_global) return a.is_global;
    if ((a.size > 0) != (b.size > 0)) return a.size > 0;
    return is_better_name(a.name, b.name);
}

}  // namespace

FileSymbols::FileSymbols(std::shared_ptr<const elf::ElfFile> file,
                         std::shared_ptr<const elf::ElfFile> debug)
    : file_(std::move(file)), debug_(std::move(debug)) {
    const bool has_symtab =
        file_->section(".symtab") != nullptr || (debug_ && debug_->section(".symtab") != nullptr);
    if (!has_symtab) mini_debug_ = file_->mini_debug_info();

    const ExecutableRanges code(*file_);
    std::vector<elf::Symbol> functions;
    for (const auto& source : {file_, debug_, mini_debug_}) {
        if (source) append_functions(functions, *source, code);
    }
    std::sort(functions.begin(), functions.end(), ranks_before);
    functions.erase(
        std::unique(functions.begin(), functions.end(),
                    [](const auto& a, const auto& b) { return a.address == b.address; }),
        functions.end());

    std::vector<uint32_t> open;  // entries that contain the current address, outermost first
    for (size_t i = 0; i < functions.size(); ++i) {
        const elf::Symbol& symbol = functions[i];
        const uint64_t start = symbol.address.value;
        while (!open.empty() && start - starts_[open.back()] >= entries_[open.back()].size) {
            open.pop_back();
        }
        // A label of assembly code inside a function that has a size is not a function.
        const bool is_label = symbol.size == 0 && symbol.kind != elf::SymbolKind::kFunction;
        if (open.size() >= kMaxNesting || (is_label && !open.empty())) continue;

        uint64_t end = code.end_of(start);
        if (!open.empty()) {
            end = std::min(end, saturating_end(starts_[open.back()], entries_[open.back()].size));
        }
        if (symbol.size > 0) {
            end = std::min(end, saturating_end(start, symbol.size));
        } else if (i + 1 < functions.size()) {
            end = std::min(end, functions[i + 1].address.value);
        }
        const uint64_t size = std::min<uint64_t>(end - start, std::numeric_limits<uint32_t>::max());
        const uint32_t enclosing = open.empty() ? kNone : open.back();
        open.push_back(static_cast<uint32_t>(entries_.size()));
        starts_.push_back(start);
        entries_.push_back({.name = symbol.name.data(),
                            .name_size = static_cast<uint32_t>(symbol.name.size()),
                            .size = static_cast<uint32_t>(size),
                            .enclosing = enclosing});
    }
    starts_.shrink_to_fit();
    entries_.shrink_to_fit();
}

Named<FunctionSymbol> FileSymbols::lookup(StatedAddress address) const {
    if (starts_.empty()) return no_name(NoName::kNoSymbols);
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), address.value);
    if (after == starts_.begin()) return no_name(NoName::kOutsideSymbols);
    auto index = static_cast<uint32_t>(after - starts_.begin() - 1);
    while (index != kNone) {
        const Entry& entry = entries_[index];
        if (address.value - starts_[index] < entry.size) {
            return FunctionSymbol{{entry.name, entry.name_size}, {starts_[index]}, entry.size};
        }
        index = entry.enclosing;
    }
    return no_name(NoName::kOutsideSymbols);
}

size_t FileSymbols::memory_bytes() const {
    return starts_.capacity() * sizeof(uint64_t) + entries_.capacity() * sizeof(Entry);
}

}  // namespace pyebpf::symbolize
