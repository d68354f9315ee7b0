// SPDX-License-Identifier: Apache-2.0
#include "python/runtime_version.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/ascii.h"
#include "python/debug_offsets.h"
#include "python/layouts/layout.h"

namespace pyebpf::python {
namespace {

// PY_VERSION_HEX: 0xMMmmuuLs, L = 0xa alpha, 0xb beta, 0xc candidate, 0xf final
// (Include/patchlevel.h).
FoundVersion from_hex(uint32_t hex) {
    const uint32_t level = hex >> 4 & 0xf;
    return {.version = {.major = static_cast<int>(hex >> 24),
                        .minor = static_cast<int>(hex >> 16 & 0xff),
                        .micro = static_cast<int>(hex >> 8 & 0xff)},
            .is_prerelease = level < 0xc};
}

// Takes a number of at most three digits from the front.
std::optional<int> take_number(std::string_view& text) {
    int value = 0;
    const auto result =
        std::from_chars(text.data(), text.data() + std::min<size_t>(text.size(), 3), value);
    if (result.ec != std::errc{} || value < 0) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(result.ptr - text.data()));
    if (!text.empty() && is_digit(text.front())) return std::nullopt;
    return value;
}

bool take(std::string_view& text, char c) {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
}

// "X.Y.Z" or "X.Y.Z+" and nothing else.
std::optional<Version> full_version(std::string_view text) {
    const auto major = take_number(text);
    if (!major || (*major != 2 && *major != 3) || !take(text, '.')) return std::nullopt;
    const auto minor = take_number(text);
    if (!minor || !take(text, '.')) return std::nullopt;
    const auto micro = take_number(text);
    if (!micro) return std::nullopt;
    take(text, '+');
    if (!text.empty()) return std::nullopt;
    return Version{.major = *major, .minor = *minor, .micro = *micro};
}

// Version texts among the constants: whole strings, and ends of strings, as linkers merge a string
// into the end of a longer one ("…/versions/3.9.18").
std::vector<Version> version_texts(const elf::ElfFile& file) {
    constexpr size_t kMaxFound = 16;
    constexpr size_t kMaxLength = 10;  // "3.100.100+"
    std::vector<Version> found;
    const elf::Section* constants = file.section(".rodata");
    if (constants == nullptr) return found;
    const auto bytes = file.section_bytes(*constants);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (size_t end = text.find('\0'); end != std::string_view::npos && found.size() < kMaxFound;
         end = text.find('\0', end + 1)) {
        size_t begin = end;
        while (begin > 0 && end - begin < kMaxLength &&
               (is_digit(text[begin - 1]) || text[begin - 1] == '.' || text[begin - 1] == '+')) {
            --begin;
        }
        if (end - begin < 5) continue;  // "3.9.1"
        if (const auto version = full_version(text.substr(begin, end - begin)))
            found.push_back(*version);
    }
    return found;
}

std::optional<FoundVersion> from_constants(const elf::ElfFile& file, std::optional<Version> named) {
    std::optional<Version> only;
    for (const Version& version : version_texts(file)) {
        const bool is_same =
            named && version.major == named->major && version.minor == named->minor;
        if (is_same) return FoundVersion{.version = version};
        // Other texts: "3.2.0" is unicodedata's old database. Without a name only a single known
        // version counts.
        if (named || layouts_of(version.major, version.minor).empty()) continue;
        if (only && (only->major != version.major || only->minor != version.minor))
            return std::nullopt;
        only = version;
    }
    if (named) return FoundVersion{.version = *named};
    if (only) return FoundVersion{.version = *only};
    return std::nullopt;
}

}  // namespace

std::optional<Version> version_of_file_name(std::string_view name) {
    const size_t slash = name.rfind('/');
    if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
    const size_t python = name.find("python");
    if (python == std::string_view::npos) return std::nullopt;
    name.remove_prefix(python + 6);
    const auto major = take_number(name);
    if (!major || (*major != 2 && *major != 3) || !take(name, '.')) return std::nullopt;
    const auto minor = take_number(name);
    if (!minor) return std::nullopt;
    return Version{.major = *major, .minor = *minor};
}

std::optional<FoundVersion> find_version(const elf::ElfFile& file, StatedAddress runtime_state,
                                         std::string_view path_hint) {
    if (runtime_state.value != 0) {
        if (const auto head = read_debug_offsets_head(file, runtime_state))
            return from_hex(head->version_hex);
    }
    if (const auto symbol = file.find_symbol("Py_Version")) {
        const uint64_t value = file.read_u64(symbol->address).value_or(0);
        if (value != 0 && value <= UINT32_MAX) return from_hex(static_cast<uint32_t>(value));
    }
    std::optional<Version> named = version_of_file_name(file.soname());
    if (!named) named = version_of_file_name(path_hint);
    return from_constants(file, named);
}

}  // namespace pyebpf::python
