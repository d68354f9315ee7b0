// SPDX-License-Identifier: Apache-2.0
#include "base/escape.h"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>

namespace pyebpf {
namespace {

constexpr bool is_continuation(unsigned char byte) {
    return (byte & 0xc0) == 0x80;
}

struct Character {
    uint32_t code_point = 0;
    uint32_t length = 0;  // in bytes; 0: not UTF-8
};

// One character per Unicode 15 table 3-7: overlong forms, surrogates and values above U+10FFFF are
// refused.
Character decode(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const uint32_t lead = byte(0);
    if (lead < 0x80) return {lead, 1};
    uint32_t length = 0;
    uint32_t smallest = 0;
    uint32_t code_point = 0;
    if (lead >= 0xc2 && lead <= 0xdf) {
        length = 2, smallest = 0x80, code_point = lead & 0x1f;
    } else if ((lead & 0xf0) == 0xe0) {
        length = 3, smallest = 0x800, code_point = lead & 0x0f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        length = 4, smallest = 0x10000, code_point = lead & 0x07;
    } else {
        return {};
    }
    if (text.size() < length) return {};
    for (size_t i = 1; i < length; ++i) {
        if (!is_continuation(byte(i))) return {};
        code_point = code_point << 6 | (byte(i) & 0x3f);
    }
    const bool is_surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
    if (code_point < smallest || code_point > 0x10ffff || is_surrogate) return {};
    return {code_point, length};
}

// Characters that act on a terminal or on the reading order instead of being seen: C1, the
// bidirectional controls (Unicode 15, UAX #9 table 4), and the line and paragraph separators, which
// would break a one-line text.
constexpr bool is_unsafe(uint32_t code_point) {
    return (code_point >= 0x80 && code_point <= 0x9f) || code_point == 0x061c ||
           code_point == 0x200e || code_point == 0x200f ||
           (code_point >= 0x2028 && code_point <= 0x202e) ||
           (code_point >= 0x2066 && code_point <= 0x2069);
}

constexpr bool is_plain(unsigned char byte) {
    return byte >= 0x20 && byte < 0x7f;
}

void append_printable(std::string& out, std::string_view text) {
    while (!text.empty()) {
        size_t plain = 0;
        while (plain < text.size() && is_plain(static_cast<unsigned char>(text[plain]))) ++plain;
        out.append(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) return;

        const Character character = decode(text);
        if (character.length <= 1) {  // C0, DEL or not UTF-8
            fmt::format_to(std::back_inserter(out), "\\x{:02x}",
                           static_cast<unsigned char>(text[0]));
            text.remove_prefix(1);
            continue;
        }
        if (is_unsafe(character.code_point)) {
            fmt::format_to(std::back_inserter(out), "\\u{{{:04x}}}", character.code_point);
        } else {
            out.append(text.substr(0, character.length));
        }
        text.remove_prefix(character.length);
    }
}

// The nearest place at or before `at`, at most 3 bytes away, that does not cut a character in two.
size_t boundary_before(std::string_view text, size_t at) {
    for (size_t back = 0; back <= 3 && back <= at; ++back) {
        if (!is_continuation(static_cast<unsigned char>(text[at - back]))) return at - back;
    }
    return at;
}

}  // namespace

std::string printable(std::string_view text, size_t max_bytes) {
    std::string out;
    if (text.size() <= max_bytes) {
        out.reserve(text.size());
        append_printable(out, text);
        return out;
    }
    const size_t head = boundary_before(text, max_bytes / 2);
    const size_t tail_size = max_bytes - max_bytes / 2;
    size_t tail = text.size();  // with max_bytes 0 nothing is kept
    if (tail_size > 0) tail = boundary_before(text, text.size() - tail_size);
    append_printable(out, text.substr(0, head));
    fmt::format_to(std::back_inserter(out), "…[{} bytes]…", tail - head);
    append_printable(out, text.substr(tail));
    return out;
}

}  // namespace pyebpf
