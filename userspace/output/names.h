// SPDX-License-Identifier: Apache-2.0
// Foreign names (of functions, files, modules, threads) as every output shows them.
#pragma once

#include <string>
#include <string_view>

#include "base/escape.h"

namespace pyebpf::output {

// printable(), with a backslash of the name itself written "\x5c": every backslash of the result
// begins an escape, so that different names stay different (but for the middle of very long ones).
[[nodiscard]] inline std::string name_text(std::string_view name) {
    if (name.find('\\') == std::string_view::npos) return printable(name);
    std::string text;
    for (const char c : name) {
        if (c == '\\') {
            text += "\\x5c";
        } else {
            text += c;
        }
    }
    return printable(text);
}

}  // namespace pyebpf::output
