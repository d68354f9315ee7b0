// SPDX-License-Identifier: Apache-2.0
// Rust's first scheme borrows the Itanium form of nested names; what C++ identifiers cannot hold is
// escaped:
// "_ZN4core3ptr42drop_in_place$LT$alloc..string..String$GT$17h0123456789abcdefE".
// Source: rustc 1.40, compiler/rustc_codegen_utils/symbol_names/legacy.rs.
#include <algorithm>
#include <array>
#include <utility>

#include "symbolize/rust_demangle.h"
#include "symbolize/rust_text.h"

namespace pyebpf::symbolize {
namespace {

constexpr size_t kHashBytes = 17;  // "h" and 16 hexadecimal digits

constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kEscapes = {{
    {"SP", "@"},
    {"BP", "*"},
    {"RF", "&"},
    {"LT", "<"},
    {"GT", ">"},
    {"LP", "("},
    {"RP", ")"},
    {"C", ","},
}};

bool is_lower_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool is_hash(std::string_view part) {
    return part.size() == kHashBytes && part[0] == 'h' &&
           std::all_of(part.begin() + 1, part.end(), is_lower_hex);
}

// "$u7e$": the number of a character.
bool append_numbered(std::string& out, std::string_view digits) {
    if (digits.empty() || digits.size() > 6) return false;
    uint32_t value = 0;
    for (const char c : digits) {
        if (!is_lower_hex(c)) return false;
        value = value * 16 + static_cast<uint32_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return value >= 0x20 && value != 0x7f && append_utf8(out, value);
}

bool append_escape(std::string& out, std::string_view escape) {
    if (escape.starts_with('u')) return append_numbered(out, escape.substr(1));
    for (const auto& [name, text] : kEscapes) {
        if (name == escape) {
            out += text;
            return true;
        }
    }
    return false;
}

bool append_unescaped(std::string& out, std::string_view part) {
    if (part.starts_with("_$")) part.remove_prefix(1);  // an identifier cannot begin with "$"
    while (!part.empty()) {
        if (part.starts_with("..")) {
            out += "::";
            part.remove_prefix(2);
        } else if (part[0] == '$') {
            const size_t end = part.find('$', 1);
            if (end == std::string_view::npos) return false;
            if (!append_escape(out, part.substr(1, end - 1))) return false;
            part.remove_prefix(end + 1);
        } else {
            out += part[0];
            part.remove_prefix(1);
        }
    }
    return true;
}

}  // namespace

std::optional<RustName> demangle_rust_legacy(std::string_view name) {
    if (!name.starts_with("_ZN")) return std::nullopt;
    name.remove_prefix(3);
    std::string text;
    std::string_view last;
    while (!name.empty() && name[0] != 'E') {
        size_t size = 0;
        size_t digits = 0;
        for (; digits < name.size() && name[digits] >= '0' && name[digits] <= '9'; ++digits) {
            size = size * 10 + static_cast<size_t>(name[digits] - '0');
            if (size > name.size()) return std::nullopt;
        }
        if (digits == 0 || size == 0 || size > name.size() - digits) return std::nullopt;
        if (!last.empty()) {
            if (!text.empty()) text += "::";
            if (!append_unescaped(text, last)) return std::nullopt;
        }
        last = name.substr(digits, size);
        name.remove_prefix(digits + size);
    }
    if (name.empty() || text.empty() || !is_hash(last)) return std::nullopt;
    return RustName{std::move(text), name.substr(1)};
}

}  // namespace pyebpf::symbolize
