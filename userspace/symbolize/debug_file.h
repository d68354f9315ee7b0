// SPDX-License-Identifier: Apache-2.0
// Finds the separate debug file of an ELF file, in the places where distributions put it:
//
//   /usr/lib/debug/.build-id/xx/yyyy.debug   by build id
//   DIR/NAME                                 by .gnu_debuglink; DIR is the folder of the ELF file
//   DIR/.debug/NAME
//   /usr/lib/debug/DIR/NAME
//   /usr/lib/debug/.dwz/…                    what several debug files share, by .gnu_debugaltlink
//
// A candidate counts only if its build id is the wanted one or, without build ids, its CRC is.
// Names come from the ELF file, which is foreign: the caller's opener decides in which root a path
// is resolved and refuses what leaves it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "elf/elf_file.h"

namespace pyebpf::symbolize {

// Opens an absolute path as the target sees it, read-only, following no links out of the target's
// root. It has to refuse everything but regular files.
using Opener = std::function<Result<UniqueFd>(const std::string& path)>;

// path: where the target sees the file. Null if there is no debug file that belongs to it.
[[nodiscard]] std::shared_ptr<const elf::ElfFile> find_debug_file(const elf::ElfFile& file,
                                                                  const std::string& path,
                                                                  const Opener& open);

// The file with which `debug`, which was opened at path, shares parts of its DWARF; null if there
// is none.
[[nodiscard]] std::shared_ptr<const elf::ElfFile> find_shared_debug_file(const elf::ElfFile& debug,
                                                                         const std::string& path,
                                                                         const Opener& open);

// The build id of that file; empty if there is none.
[[nodiscard]] elf::BuildId shared_debug_file_id(const elf::ElfFile& debug);

// The CRC of .gnu_debuglink: polynomial 0xedb88320, as in ISO 3309 and zlib.
[[nodiscard]] uint32_t debug_link_crc(std::span<const uint8_t> bytes);

}  // namespace pyebpf::symbolize
