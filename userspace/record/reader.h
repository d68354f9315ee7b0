// SPDX-License-Identifier: Apache-2.0
// Reads a recording into a profile. The file is not trusted: every size, id and checksum is
// checked, and a stack cannot contain itself.
#pragma once

#include <string>

#include "base/result.h"
#include "profile/profile.h"

namespace pyebpf::record {

// A recording that was not ended (a crash, a full disk) is read up to its last whole block and has
// is_cut set. Errors: it cannot be opened, is no recording, is of a newer version, or is damaged.
[[nodiscard]] Result<profile::Profile> read(const std::string& path);  // "-": stdin
// From the descriptor's position on; `name` is for messages.
[[nodiscard]] Result<profile::Profile> read(int fd, const std::string& name);

}  // namespace pyebpf::record
