// SPDX-License-Identifier: Apache-2.0
// Unwind tables on disk, so that a file is compiled once per machine and not once per recording.
//
//   DIRECTORY/KEY    header | build id | tables (first page, sizes, index, rows, rules, code)
//
// The key is a hash of the build id and of what every table is made from: call frame information,
// executable segments. Code that nothing describes, whose rules come from its instructions, is
// compared by a checksum when an entry is loaded. A file that merely claims the build id of another
// one cannot leave its tables in the other's place. Entries are written beside and renamed into
// place. The directory must be ours and not writable by others, or nothing is read from or written
// to it; nevertheless every size and number in an entry is verified: the worst that a damaged one
// does is to be compiled again. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "elf/elf_file.h"
#include "elf/unwind_table.h"

namespace pyebpf::native {

class TableCache {
  public:
    // Entries are deleted, the oldest first, when they take more than this together.
    static constexpr uint64_t kMaxBytes = 256 << 20;

    // Creates the directory. Fails if others could write to it.
    [[nodiscard]] static Result<TableCache> open(const std::string& directory,
                                                 uint64_t max_bytes = kMaxBytes);
    // /var/cache/pyebpf/unwind for root, else $XDG_CACHE_HOME or ~/.cache, /pyebpf/unwind; ""
    // without a home.
    [[nodiscard]] static std::string default_directory();

    // nullopt if the tables are not there, or not as they were written.
    [[nodiscard]] std::optional<std::vector<elf::UnwindTable>> load(const elf::ElfFile& file) const;
    // Best effort.
    void store(const elf::ElfFile& file, std::span<const elf::UnwindTable> tables) const;

  private:
    explicit TableCache(UniqueFd directory) : directory_(std::move(directory)) {}
    void limit(uint64_t max_bytes) const;

    UniqueFd directory_;
};

struct CacheEntry {
    std::vector<elf::UnwindTable> tables;
    uint64_t code_checksum = 0;  // of the analyzed code and its symbols; 0 without any
};

// The content of an entry, and back; nullopt unless it is one of this build id that is sound in
// itself.
[[nodiscard]] std::vector<uint8_t> write_entry(const elf::BuildId& build_id,
                                               std::span<const elf::UnwindTable> tables,
                                               uint64_t code_checksum);
[[nodiscard]] std::optional<CacheEntry> read_entry(const elf::BuildId& build_id,
                                                   std::span<const uint8_t> bytes);

}  // namespace pyebpf::native
