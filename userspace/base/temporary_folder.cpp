// SPDX-License-Identifier: Apache-2.0
#include "base/temporary_folder.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

namespace pyebpf {

Result<TemporaryFolder> TemporaryFolder::make() {
    const char* parent = std::getenv("TMPDIR");
    std::string path = std::string(parent != nullptr ? parent : "/tmp") + "/pyebpf-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return fail_errno("create " + path, errno);
    TemporaryFolder folder;
    folder.path_ = std::move(path);
    return folder;
}

TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace pyebpf
