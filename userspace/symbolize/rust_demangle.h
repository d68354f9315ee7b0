// SPDX-License-Identifier: Apache-2.0
// Rust's two mangling schemes. Hashes and disambiguators of crates are left out, as in backtraces
// of Rust programs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pyebpf::symbolize {

struct RustName {
    std::string text;
    // What follows the mangled name: ".llvm.123", ".cold"; points into the input.
    std::string_view suffix;
};

// nullopt if the name is not from Rust, is malformed, or is out of bounds (depth, steps, size of
// the text). Legacy names look like "_ZN…17h0123456789abcdefE", v0 names begin with "_R".
[[nodiscard]] std::optional<RustName> demangle_rust_legacy(std::string_view name);
[[nodiscard]] std::optional<RustName> demangle_rust_v0(std::string_view name);

}  // namespace pyebpf::symbolize
