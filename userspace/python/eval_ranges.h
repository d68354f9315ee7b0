// SPDX-License-Identifier: Apache-2.0
// Finds all code of one function: compilers split it in a hot and cold parts, and in optimized
// interpreters the cold part of the bytecode loop may be nearly all of it (84 KB of 85 KB in
// Debian's python3.14).
#pragma once

#include <string_view>
#include <vector>

#include "elf/elf_file.h"
#include "python/runtime.h"

namespace pyebpf::python {

// The function's own range first; empty if its code is not in the file. name also finds the parts
// that .symtab names
// ("NAME.cold", BOLT's "NAME/1").
[[nodiscard]] std::vector<CodeRange> function_ranges(const elf::ElfFile& file,
                                                     const elf::Symbol& function,
                                                     std::string_view name);

}  // namespace pyebpf::python
