// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"

namespace pyebpf {

// A folder of this user's own in $TMPDIR or /tmp. Goes with everything in it.
class TemporaryFolder {
  public:
    [[nodiscard]] static Result<TemporaryFolder> make();
    TemporaryFolder(TemporaryFolder&& other) noexcept;
    TemporaryFolder& operator=(TemporaryFolder&&) = delete;
    ~TemporaryFolder();

    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    TemporaryFolder() = default;
    std::string path_;
};

}  // namespace pyebpf
