// SPDX-License-Identifier: Apache-2.0
// Debug files from the debuginfod servers that $DEBUGINFOD_URLS names, with elfutils' client
// library, which is loaded when it is first wanted: nothing is asked of the network unless the user
// says so.
//
// The library keeps what it fetched in its cache ($DEBUGINFOD_CACHE_PATH) and gives up on a server
// that is slow
// ($DEBUGINFOD_TIMEOUT). A fetch blocks for as long as that takes.
#pragma once

#include <memory>

#include "base/result.h"
#include "elf/elf_file.h"

namespace pyebpf::symbolize {

// Bound to one thread.
class Debuginfod {
  public:
    // Fails if no server is named or the library is not installed.
    [[nodiscard]] static Result<std::shared_ptr<Debuginfod>> open();
    ~Debuginfod();
    Debuginfod(const Debuginfod&) = delete;
    Debuginfod& operator=(const Debuginfod&) = delete;

    // The debug file of the file with this build id; null if no server has it.
    [[nodiscard]] std::shared_ptr<const elf::ElfFile> find(const elf::BuildId& id);

  private:
    struct Library;
    explicit Debuginfod(std::unique_ptr<Library> library);

    std::unique_ptr<Library> library_;
};

}  // namespace pyebpf::symbolize
