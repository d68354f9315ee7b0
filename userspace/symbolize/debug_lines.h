// SPDX-License-Identifier: Apache-2.0
// DebugLines: source lines and inlined functions of one ELF file, from its DWARF.
//
//   open()     reads the address ranges of the units, no functions or lines yet
//   lookup()   reads the unit of the address on its first visit and keeps it as a UnitIndex
//
// Units are forgotten when they become too many together; the next lookups read them again. Bound
// to one thread.
#pragma once

#include <memory>
#include <span>

#include "base/addresses.h"
#include "elf/elf_file.h"
#include "symbolize/unit_index.h"

namespace pyebpf::symbolize {

class DebugLines {
  public:
    struct Files {
        std::shared_ptr<const elf::ElfFile> file;    // what is executed
        std::shared_ptr<const elf::ElfFile> debug;   // its separate debug file, or null
        std::shared_ptr<const elf::ElfFile> shared;  // what that shares with others, or null
    };

    // Rows (of functions, ranges and lines) kept at most, about 30 bytes each here and as much
    // again in libdw.
    static constexpr size_t kMaxRows = 6'000'000;

    // Null if neither file has DWARF of code, or if it is damaged beyond use.
    static std::unique_ptr<DebugLines> open(Files files, size_t max_rows = kMaxRows);

    ~DebugLines();
    DebugLines(const DebugLines&) = delete;
    DebugLines& operator=(const DebugLines&) = delete;

    // The frames at a code address, innermost first; empty if the file does not tell. For a return
    // address pass the address before it, which belongs to the call. Valid until the next lookup.
    [[nodiscard]] std::span<const SourceFrame> lookup(StatedAddress address);

    [[nodiscard]] size_t unit_count() const;
    [[nodiscard]] size_t loaded_rows() const;

  private:
    class Reader;  // keeps libdw's types out of this header
    explicit DebugLines(std::unique_ptr<Reader> reader);

    std::unique_ptr<Reader> reader_;
    std::vector<SourceFrame> frames_;
};

}  // namespace pyebpf::symbolize
