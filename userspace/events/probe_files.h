// SPDX-License-Identifier: Apache-2.0
// The files that FILE in `uprobe:FILE:SYMBOL` and `usdt:FILE:PROBE` means.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/elf_file.h"
#include "events/event_source.h"

namespace pyebpf::events {

struct ProbeFile {
    std::string path;  // openable now: within the root of a process that runs it
    std::string name;  // as that process sees it
    std::shared_ptr<const elf::ElfFile> elf;
};

// "python", "libc", "libssl" …: every distinct file of that name that the processes have mapped as
// code.
[[nodiscard]] std::vector<ProbeFile> running_files(std::string_view file,
                                                   std::span<const uint32_t> pids);

// A path; or the running files of a name, else those in the system's folders. Never empty.
[[nodiscard]] Result<std::vector<ProbeFile>> probe_files(std::string_view file,
                                                         std::span<const uint32_t> pids);

// The place of a stated address; an error if it is not in the file.
[[nodiscard]] Result<ProbeSite> site_at(const ProbeFile& file, StatedAddress address);

}  // namespace pyebpf::events
