// SPDX-License-Identifier: Apache-2.0
// Messages for people, on stderr. Lower case, name the object, offer the next step.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace pyebpf::log {

enum class Level { kQuiet, kNormal, kVerbose };

void set_level(Level level);
[[nodiscard]] Level level();

// One line on stderr, prefixed "pyebpf: ". Control characters in the text are escaped, as it may
// carry foreign names.
void error(std::string_view text);    // always
void warning(std::string_view text);  // unless quiet
void info(std::string_view text);     // unless quiet
void verbose(std::string_view text);  // with -v

// Called before a line is written, so that a status line on the terminal can be cleared. May be
// null.
void set_before_line(void (*hook)());

}  // namespace pyebpf::log
