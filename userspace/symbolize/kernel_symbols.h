// SPDX-License-Identifier: Apache-2.0
// KernelSymbols: the functions of the kernel, its modules and loaded BPF programs, from
// /proc/kallsyms.
//
// A snapshot: modules and BPF programs come and go, so the owner loads it again when lookups of new
// addresses fail. Immutable after loading; lookups from several threads are safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "symbolize/no_name.h"

namespace pyebpf::symbolize {

struct KernelSymbol {
    std::string_view name;
    std::string_view module;  // "ext4"; "bpf" for BPF programs; empty for the kernel itself
    uint64_t start = 0;
};

class KernelSymbols {
  public:
    static Result<KernelSymbols> load(const std::string& path = "/proc/kallsyms");
    // The text of a kallsyms file. Lines that are none are counted and skipped.
    static KernelSymbols parse(std::string_view text);

    [[nodiscard]] Named<KernelSymbol> lookup(uint64_t address) const;

    [[nodiscard]] size_t size() const { return symbols_.size(); }
    [[nodiscard]] uint64_t malformed_lines() const { return malformed_lines_; }
    [[nodiscard]] size_t memory_bytes() const;

  private:
    struct Symbol {
        uint64_t start = 0;
        uint32_t name = 0;       // offset in names_
        uint16_t name_size = 0;  // 0: not a function, only the end of the one before
        uint16_t module = 0;
    };

    [[nodiscard]] std::string_view name_of(const Symbol& symbol) const {
        return std::string_view(names_).substr(symbol.name, symbol.name_size);
    }

    std::vector<Symbol> symbols_;  // sorted by start, which is distinct
    std::string names_;
    std::vector<std::string> modules_;  // 0 is the kernel
    bool is_hidden_ = false;
    uint64_t malformed_lines_ = 0;
};

}  // namespace pyebpf::symbolize
