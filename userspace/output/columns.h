// SPDX-License-Identifier: Apache-2.0
// Text measured in terminal columns: combining marks take none, East Asian wide characters two.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pyebpf::output {

// Texts are printable() already: valid UTF-8 without control characters.
[[nodiscard]] size_t columns(std::string_view text);

// At most `width` columns: the middle gives way to "…", the end keeps more than the beginning does
// (file names tell most at their end).
[[nodiscard]] std::string shortened(std::string_view text, size_t width);

// Lines of at most `width` columns, broken at spaces; a longer word is shortened.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, size_t width);

}  // namespace pyebpf::output
