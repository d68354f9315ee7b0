// SPDX-License-Identifier: Apache-2.0
// Makes foreign text (names of functions, files, threads) safe to show. Everything here accepts
// arbitrary bytes.
#pragma once

#include <string>
#include <string_view>

namespace pyebpf {

// Valid UTF-8 without control characters: C0, DEL, C1 and bidirectional controls become "\xNN" or
// "\u{NNNN}", bytes that are not UTF-8 become "\xNN", a backslash stays. Texts longer than
// max_bytes keep both ends around "…[N bytes]…".
[[nodiscard]] std::string printable(std::string_view text, size_t max_bytes = 4096);

}  // namespace pyebpf
