// SPDX-License-Identifier: Apache-2.0
#include "base/unnamed_file.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdlib>

namespace pyebpf {

Result<UniqueFd> open_unnamed_file() {
    const char* folder = std::getenv("TMPDIR");
    UniqueFd fd(::open(folder != nullptr ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!fd) fd.reset(memfd_create("pyebpf", MFD_CLOEXEC));
    if (!fd) return fail_errno("create a temporary file", errno);
    return fd;
}

}  // namespace pyebpf
