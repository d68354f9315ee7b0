// SPDX-License-Identifier: Apache-2.0
#include "symbolize/read_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace pyebpf::symbolize {

Result<FileText> read_regular_file(int fd, size_t max_bytes, const std::string& what) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) return fail_errno("stat " + what, errno);
    // A pipe would block, a device would give what it likes.
    if (!S_ISREG(status.st_mode)) return fail(what + " is not a regular file");
    const auto size = static_cast<uint64_t>(std::max<off_t>(status.st_size, 0));
    FileText result;
    result.text.resize(std::min<uint64_t>(size, max_bytes));
    result.skipped_bytes = size - result.text.size();
    size_t filled = 0;
    while (filled < result.text.size()) {
        const ssize_t count = ::pread(fd, result.text.data() + filled, result.text.size() - filled,
                                      static_cast<off_t>(filled));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail_errno("read " + what, errno);
        if (count == 0) break;  // it was truncated meanwhile
        filled += static_cast<size_t>(count);
    }
    result.text.resize(filled);
    return result;
}

}  // namespace pyebpf::symbolize
