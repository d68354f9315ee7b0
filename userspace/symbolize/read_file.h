// SPDX-License-Identifier: Apache-2.0
// Reads files of target processes, which may grow, shrink or be anything while they are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace pyebpf::symbolize {

struct FileText {
    std::string text;
    uint64_t skipped_bytes = 0;  // what the file has beyond the limit
};

// At most max_bytes from the beginning of a regular file. what: for messages, such as "perf map".
[[nodiscard]] Result<FileText> read_regular_file(int fd, size_t max_bytes, const std::string& what);

}  // namespace pyebpf::symbolize
