// SPDX-License-Identifier: Apache-2.0
// FileSymbols: the functions of one ELF file, by stated address.
//
// The table is made once from every symbol table there is (.symtab and .dynsym of the file and of
// its separate debug file, and .gnu_debugdata if neither has a .symtab), then never changes:
// lookups from several threads are safe. Names are not copied, the table keeps the files mapped
// instead.
//
//   symbols with a size      |---- f ----|    |-- g --|   f and g as they are
//   symbols inside another   |--- f |- h -| --|           the innermost one wins
//   symbols without a size   k . . . . . . . .|           reach to the next or the section's end
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/addresses.h"
#include "elf/elf_file.h"
#include "symbolize/no_name.h"

namespace pyebpf::symbolize {

struct FunctionSymbol {
    std::string_view name;  // mangled, without the symbol version; valid as long as the FileSymbols
    StatedAddress start;
    uint64_t size = 0;
};

class FileSymbols {
  public:
    // debug: the file's separate debug file (see debug_file.h), or null.
    explicit FileSymbols(std::shared_ptr<const elf::ElfFile> file,
                         std::shared_ptr<const elf::ElfFile> debug = nullptr);

    [[nodiscard]] Named<FunctionSymbol> lookup(StatedAddress address) const;

    [[nodiscard]] size_t size() const { return starts_.size(); }
    [[nodiscard]] size_t memory_bytes() const;

  private:
    static constexpr uint32_t kNone = UINT32_MAX;

    struct Entry {
        const char* name;
        uint32_t name_size;
        uint32_t size;
        uint32_t enclosing;  // the next outer symbol that contains this one's start, or kNone
    };

    std::shared_ptr<const elf::ElfFile> file_;
    std::shared_ptr<const elf::ElfFile> debug_;
    std::shared_ptr<const elf::ElfFile> mini_debug_;
    // Sorted and distinct; apart from the entries because the search touches only these.
    std::vector<uint64_t> starts_;
    std::vector<Entry> entries_;
};

}  // namespace pyebpf::symbolize
