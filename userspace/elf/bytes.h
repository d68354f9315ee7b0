// SPDX-License-Identifier: Apache-2.0
// Reads of little-endian numbers and NUL-terminated text from foreign bytes, none of them past the
// end.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace pyebpf::elf {

static_assert(std::endian::native == std::endian::little, "fields are copied as they are");

// A structure or number at an offset, which may be unaligned; nullopt if it does not lie inside.
template <class T>
[[nodiscard]] std::optional<T> load(std::span<const uint8_t> bytes, uint64_t offset) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (offset > bytes.size() || sizeof(T) > bytes.size() - offset) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
}

// Text up to its NUL, cut at max_bytes; empty if the offset is outside or the NUL is missing.
[[nodiscard]] inline std::string_view text_at(std::span<const uint8_t> bytes, uint64_t offset,
                                              size_t max_bytes = 16384) {
    if (offset >= bytes.size()) return {};
    const size_t left = bytes.size() - offset;
    const char* begin = reinterpret_cast<const char*>(bytes.data() + offset);
    const size_t length = ::strnlen(begin, left < max_bytes ? left : max_bytes);
    if (length == left) return {};
    return {begin, length};
}

}  // namespace pyebpf::elf
