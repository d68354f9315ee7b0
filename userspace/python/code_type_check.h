// SPDX-License-Identifier: Apache-2.0
// Compares a layout with what the runtime's own PyCode_Type says about code objects: its size and
// its members' offsets are constants in the file. A vendor's or a developer's modified CPython is
// refused here, before it can show wrong frames.
#pragma once

#include <optional>
#include <span>

#include "elf/elf_file.h"
#include "python/layouts/layout.h"

namespace pyebpf::python {

// Of the builds of a minor, the one whose code objects have the size that the type states, and
// which is free-threaded or not as asked. nullptr if none.
[[nodiscard]] const Layout* matching_build(const elf::ElfFile& file, StatedAddress code_type,
                                           std::span<const Layout> builds, bool free_threaded);

// Fails with the first member that is elsewhere. Members that cannot be read (no relocations left
// in the file) are not compared.
[[nodiscard]] Result<void> compare_code_members(const elf::ElfFile& file, StatedAddress code_type,
                                                const Layout& layout, const python_layout& walker);

}  // namespace pyebpf::python
