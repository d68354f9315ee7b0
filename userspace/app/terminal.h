// SPDX-License-Identifier: Apache-2.0
// What commands that print text have to know of where it goes.
#pragma once

#include <cstddef>
#include <optional>

namespace pyebpf::app {

// Of the terminal on stdout, else $COLUMNS; nullopt: as wide as it takes.
[[nodiscard]] std::optional<size_t> terminal_columns();

// The descriptor is a terminal, and NO_COLOR (no-color.org) is not set.
[[nodiscard]] bool wants_color(int fd);

}  // namespace pyebpf::app
