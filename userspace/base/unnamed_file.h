// SPDX-License-Identifier: Apache-2.0
// A temporary file that no other program sees and that is gone with its descriptor.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

namespace pyebpf {

// Readable and writable, in $TMPDIR or /tmp; in memory where that cannot be.
[[nodiscard]] Result<UniqueFd> open_unnamed_file();

}  // namespace pyebpf
