// SPDX-License-Identifier: Apache-2.0
// Kinds of characters whatever the locale is.
#pragma once

namespace pyebpf {

[[nodiscard]] constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

}  // namespace pyebpf
