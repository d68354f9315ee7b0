// SPDX-License-Identifier: Apache-2.0
// The files that processes map, opened once and shared: what is learned about a file serves every
// process that maps it, and the next process of the same interpreter costs a look-up. Thread-safe.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "elf/elf_file.h"
#include "process/process_table.h"
#include "python/runtime.h"

namespace pyebpf::process {

// A mapped file. Immutable once made.
struct Binary {
    std::string path;                         // as the first process that mapped it sees it
    std::shared_ptr<const elf::ElfFile> elf;  // null if it could not be opened or is no ELF file
    std::string problem;                      // why elf is null
    python::Inspection python;
    bool is_file = false;  // false: anonymous memory, vDSO, stack …
};

class BinaryCache {
  public:
    // Opens the file through the process, if it is not known yet. `pid` must map it at `mapping`
    // and should still live.
    [[nodiscard]] std::shared_ptr<const Binary> get(uint32_t pid, const Mapping& mapping);
    // Only what is known already.
    [[nodiscard]] std::shared_ptr<const Binary> peek(const FileKey& file) const;

  private:
    mutable std::mutex mutex_;
    std::unordered_map<FileKey, std::shared_ptr<const Binary>, FileKeyHash> binaries_;
    std::unordered_map<std::string, std::shared_ptr<const Binary>> by_build_id_;
};

}  // namespace pyebpf::process
