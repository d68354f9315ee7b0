// SPDX-License-Identifier: Apache-2.0
#include "output/columns.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace pyebpf::output {

namespace {

struct Range {
    uint32_t first;
    uint32_t last;
};

// Blocks rather than characters: Unicode 15, categories Mn/Me/Cf.
constexpr std::array kZeroWidth = std::to_array<Range>({
    {0x0300, 0x036f},
    {0x0483, 0x0489},
    {0x0591, 0x05bd},
    {0x0610, 0x061a},
    {0x064b, 0x065f},
    {0x0e31, 0x0e31},
    {0x0e34, 0x0e3a},
    {0x1ab0, 0x1aff},
    {0x1dc0, 0x1dff},
    {0x200b, 0x200d},
    {0x2060, 0x2064},
    {0x20d0, 0x20ff},
    {0xfe00, 0xfe0f},
    {0xfe20, 0xfe2f},
    {0xfeff, 0xfeff},
    {0xe0100, 0xe01ef},
});

// Unicode 15, EastAsianWidth.txt: W and F, by block.
constexpr std::array kDoubleWidth = std::to_array<Range>({
    {0x1100, 0x115f},
    {0x231a, 0x231b},
    {0x2e80, 0x303e},
    {0x3041, 0x33ff},
    {0x3400, 0x4dbf},
    {0x4e00, 0x9fff},
    {0xa000, 0xa4cf},
    {0xa960, 0xa97f},
    {0xac00, 0xd7a3},
    {0xf900, 0xfaff},
    {0xfe30, 0xfe6f},
    {0xff00, 0xff60},
    {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f},
    {0x1f680, 0x1f6ff},
    {0x1f900, 0x1f9ff},
    {0x20000, 0x3fffd},
});

template <size_t kSize>
bool contains(const std::array<Range, kSize>& ranges, uint32_t character) {
    return std::ranges::any_of(
        ranges, [&](Range r) { return character >= r.first && character <= r.last; });
}

struct Character {
    std::string_view bytes;
    size_t columns;
};

std::vector<Character> split(std::string_view text) {
    std::vector<Character> characters;
    while (!text.empty()) {
        const auto lead = static_cast<unsigned char>(text[0]);
        size_t length = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        length = std::min(length, text.size());
        uint32_t character = length == 1 ? lead : lead & (0x7fu >> length);
        for (size_t i = 1; i < length; i++)
            character = character << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
        const size_t width = contains(kZeroWidth, character)     ? 0
                             : contains(kDoubleWidth, character) ? 2
                                                                 : 1;
        characters.push_back({text.substr(0, length), width});
        text.remove_prefix(length);
    }
    return characters;
}

}  // namespace

size_t columns(std::string_view text) {
    size_t sum = 0;
    for (const Character& character : split(text)) sum += character.columns;
    return sum;
}

std::string shortened(std::string_view text, size_t width) {
    if (columns(text) <= width) return std::string(text);
    if (width == 0) return {};
    const std::vector<Character> characters = split(text);
    const size_t head_columns = (width - 1) / 3;
    const size_t tail_columns = width - 1 - head_columns;
    std::string head;
    size_t used = 0;
    for (const Character& character : characters) {
        used += character.columns;
        if (used > head_columns) break;
        head += character.bytes;
    }
    size_t tail = characters.size();
    used = 0;
    while (tail > 0 && used + characters[tail - 1].columns <= tail_columns)
        used += characters[--tail].columns;
    std::string result = head + "…";
    for (; tail < characters.size(); tail++) result += characters[tail].bytes;
    return result;
}

std::vector<std::string> wrapped(std::string_view text, size_t width) {
    std::vector<std::string> lines(1);
    while (!text.empty()) {
        const size_t space = text.find(' ');
        const std::string word = shortened(text.substr(0, space), width);
        text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
        if (word.empty()) continue;
        std::string& line = lines.back();
        if (line.empty()) {
            line = word;
        } else if (columns(line) + 1 + columns(word) <= width) {
            line += " " + word;
        } else {
            lines.push_back(word);
        }
    }
    return lines;
}

}  // namespace pyebpf::output
