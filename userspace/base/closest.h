// SPDX-License-Identifier: Apache-2.0
// The names that a mistyped one may have meant.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pyebpf {

// Up to `count` of the names, nearest first, those that differ in more than a third of the letters
// left out. A name that contains the typed one counts as near.
[[nodiscard]] std::vector<std::string> closest(std::string_view typed,
                                               std::span<const std::string> names, size_t count);

}  // namespace pyebpf
