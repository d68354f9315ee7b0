// SPDX-License-Identifier: Apache-2.0
// Which CPython a file contains, by what the file says of itself.
#pragma once

#include <optional>
#include <string_view>

#include "elf/elf_file.h"
#include "python/runtime.h"

namespace pyebpf::python {

struct FoundVersion {
    Version version;
    bool is_prerelease = false;  // alpha or beta: structures may still have changed after it
};

// In this order: the debug-offsets table (3.13+), Py_Version (3.11+), the library's soname, the
// path's last part, a version text among the constants. runtime_state is 0 if the file has none.
[[nodiscard]] std::optional<FoundVersion> find_version(const elf::ElfFile& file,
                                                       StatedAddress runtime_state,
                                                       std::string_view path_hint);

// "libpython3.7m.so.1.0", "python2.7", "/usr/bin/python3.11-dbg"
[[nodiscard]] std::optional<Version> version_of_file_name(std::string_view name);

}  // namespace pyebpf::python
