// SPDX-License-Identifier: Apache-2.0
// Characters of Rust identifiers: UTF-8, and the punycode that v0 names use for what is not ASCII.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pyebpf::symbolize {

// False if the value is no character (a surrogate, or above U+10FFFF).
[[nodiscard]] bool append_utf8(std::string& out, uint32_t code_point);

// RFC 3492 with "_" as the delimiter, as Rust's RFC 2603 has it; nullopt if malformed.
[[nodiscard]] std::optional<std::string> decode_punycode(std::string_view text);

}  // namespace pyebpf::symbolize
