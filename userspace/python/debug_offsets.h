// SPDX-License-Identifier: Apache-2.0
// The table _Py_DebugOffsets with which CPython 3.13+ describes itself at the begin of _PyRuntime.
// It is a link-time constant, so it is read from the file. Every number is bounded before it is
// used; a table that is not sane is an error, never a guess.
#pragma once

#include <optional>

#include "elf/elf_file.h"
#include "python/layouts/layout.h"
#include "python/runtime.h"

namespace pyebpf::python {

struct DebugOffsetsHead {
    uint32_t version_hex = 0;  // PY_VERSION_HEX
    bool free_threaded = false;
};

// The head of the table at the stated address of _PyRuntime; nullopt if there is no table (CPython
// before 3.13).
[[nodiscard]] std::optional<DebugOffsetsHead> read_debug_offsets_head(const elf::ElfFile& file,
                                                                      StatedAddress runtime);

// Replaces what the table knows better in `runtime`, whose layout is `layout`'s. Fails with the
// reason if the table is damaged or contradicts itself; runtime is then unusable.
[[nodiscard]] Result<void> apply_debug_offsets(const elf::ElfFile& file, StatedAddress table,
                                               const Layout& layout, Runtime& runtime);

// Sets the spans that the walker reads, from the fields' offsets. Fails if they do not fit its
// bounds.
[[nodiscard]] Result<void> set_read_spans(python_layout& layout);

}  // namespace pyebpf::python
