// SPDX-License-Identifier: Apache-2.0
#include "symbolize/rust_text.h"

#include <vector>

namespace pyebpf::symbolize {
namespace {

// Inserting in the middle is quadratic; no identifier of a person comes near.
constexpr size_t kMaxPunycodeCharacters = 512;

// RFC 3492, section 5.
constexpr uint32_t kBase = 36;
constexpr uint32_t kMinThreshold = 1;
constexpr uint32_t kMaxThreshold = 26;
constexpr uint32_t kSkew = 38;
constexpr uint32_t kDamp = 700;
constexpr uint32_t kInitialBias = 72;
constexpr uint32_t kInitialCodePoint = 128;

std::optional<uint32_t> digit(char c) {
    if (c >= 'a' && c <= 'z') return c - 'a';
    if (c >= '0' && c <= '9') return c - '0' + 26;
    return std::nullopt;
}

uint32_t adapt(uint32_t delta, uint32_t count, bool is_first) {
    delta = is_first ? delta / kDamp : delta / 2;
    delta += delta / count;
    uint32_t k = 0;
    for (; delta > (kBase - kMinThreshold) * kMaxThreshold / 2; k += kBase) {
        delta /= kBase - kMinThreshold;
    }
    return k + (kBase - kMinThreshold + 1) * delta / (delta + kSkew);
}

uint32_t threshold(uint32_t k, uint32_t bias) {
    if (k <= bias + kMinThreshold) return kMinThreshold;
    return k >= bias + kMaxThreshold ? kMaxThreshold : k - bias;
}

}  // namespace

bool append_utf8(std::string& out, uint32_t code_point) {
    if (code_point > 0x10ffff || (code_point >= 0xd800 && code_point <= 0xdfff)) return false;
    const auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
    if (code_point < 0x80) {
        put(code_point);
    } else if (code_point < 0x800) {
        put(0xc0 | code_point >> 6);
        put(0x80 | (code_point & 0x3f));
    } else if (code_point < 0x10000) {
        put(0xe0 | code_point >> 12);
        put(0x80 | (code_point >> 6 & 0x3f));
        put(0x80 | (code_point & 0x3f));
    } else {
        put(0xf0 | code_point >> 18);
        put(0x80 | (code_point >> 12 & 0x3f));
        put(0x80 | (code_point >> 6 & 0x3f));
        put(0x80 | (code_point & 0x3f));
    }
    return true;
}

std::optional<std::string> decode_punycode(std::string_view text) {
    std::vector<uint32_t> characters;
    if (const size_t delimiter = text.rfind('_'); delimiter != std::string_view::npos) {
        characters.assign(text.begin(), text.begin() + delimiter);
        text.remove_prefix(delimiter + 1);
    }
    uint32_t code_point = kInitialCodePoint;
    uint32_t bias = kInitialBias;
    uint64_t position = 0;
    size_t at = 0;
    while (at < text.size()) {
        const uint64_t old_position = position;
        uint64_t weight = 1;
        for (uint32_t k = kBase;; k += kBase) {
            if (at >= text.size()) return std::nullopt;
            const auto value = digit(text[at++]);
            if (!value) return std::nullopt;
            position += *value * weight;
            if (position > UINT32_MAX) return std::nullopt;
            const uint32_t limit = threshold(k, bias);
            if (*value < limit) break;
            weight *= kBase - limit;
            if (weight > UINT32_MAX) return std::nullopt;
        }
        const uint64_t count = characters.size() + 1;
        if (count > kMaxPunycodeCharacters) return std::nullopt;
        bias = adapt(static_cast<uint32_t>(position - old_position), static_cast<uint32_t>(count),
                     old_position == 0);
        if (position / count > 0x10ffff) return std::nullopt;
        code_point += static_cast<uint32_t>(position / count);
        position %= count;
        characters.insert(characters.begin() + static_cast<ptrdiff_t>(position), code_point);
        ++position;
    }
    std::string out;
    for (const uint32_t character : characters) {
        if (!append_utf8(out, character)) return std::nullopt;
    }
    return out;
}

}  // namespace pyebpf::symbolize
