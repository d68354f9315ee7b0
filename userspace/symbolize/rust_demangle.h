// SPDX-License-Identifier: Apache-2.0
// Rust's two mangling schemes. Hashes and disambiguators of crates are left out, as in backtraces of Rust programs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pyebpf::symbolize {

struct RustName {
    std::string text;
    std::string_view suffix;  // what follows the mangled name: ".llvm.123", ".cold"; points into the input
};

// nullopt if the name is not from Rust, is malformed, or is out of bounds (depth, steps, size of the text).
[[nodiscard]] std::optional<RustName> demangle_rust_legacy(std::string_view name);  // _ZN…17h0123456789abcdefE
[[nodiscard]] std::optional<RustName> demangle_rust_v0(std::string_view name);      // _R…

}  // namespace pyebpf::symbolize
