// SPDX-License-Identifier: Apache-2.0
// Source of the search order: GDB manual, "Debugging Information in Separate Files".
#include "symbolize/debug_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>

namespace pyebpf::symbolize {
namespace {

constexpr std::string_view kDebugRoot = "/usr/lib/debug";

// A build id has 20 bytes (SHA-1) or 16 (MD5, UUID); linkers take any number by hand.
constexpr size_t kMinBuildIdBytes = 2;
constexpr size_t kMaxBuildIdBytes = 64;
// A larger file is not read only to compute its CRC: 2 GiB take about a second.
constexpr size_t kMaxCrcBytes = size_t{2} << 30;
constexpr size_t kMaxNameBytes = 4096;

using CrcTables = std::array<std::array<uint32_t, 256>, 8>;

constexpr CrcTables make_crc_tables() {
    CrcTables tables{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        tables[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; ++i) {
        for (size_t table = 1; table < tables.size(); ++table) {
            const uint32_t previous = tables[table - 1][i];
            tables[table][i] = previous >> 8 ^ tables[0][previous & 0xff];
        }
    }
    return tables;
}

constexpr CrcTables kCrcTables = make_crc_tables();

std::string folder_of(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
}

bool has_usable_build_id(const elf::BuildId& id) {
    return id.size() >= kMinBuildIdBytes && id.size() <= kMaxBuildIdBytes;
}

std::string build_id_path(const elf::BuildId& id) {
    const std::string hex = elf::to_hex(id);
    return std::string(kDebugRoot) + "/.build-id/" + hex.substr(0, 2) + "/" + hex.substr(2) +
           ".debug";
}

std::shared_ptr<const elf::ElfFile> open_elf(const std::string& path, const Opener& open) {
    auto fd = open(path);
    if (!fd) return nullptr;  // most candidates do not exist
    auto file = elf::ElfFile::from_fd(fd->release(), path);
    return file ? *file : nullptr;
}

bool belongs_to(const elf::ElfFile& candidate, const elf::ElfFile& file, uint32_t crc) {
    if (candidate.machine() != file.machine()) return false;
    if (!candidate.build_id().empty() && !file.build_id().empty()) {
        return candidate.build_id() == file.build_id();
    }
    return candidate.bytes().size() <= kMaxCrcBytes && debug_link_crc(candidate.bytes()) == crc;
}

struct SharedFile {
    std::string name;
    elf::BuildId id;
};

// What .gnu_debugaltlink says: a file name, a zero byte, the build id of the file.
std::optional<SharedFile> shared_file_of(const elf::ElfFile& debug) {
    const elf::Section* section = debug.section(".gnu_debugaltlink");
    if (section == nullptr) return std::nullopt;
    const std::span<const uint8_t> bytes = debug.section_bytes(*section);
    const auto end = std::find(bytes.begin(), bytes.end(), 0);
    if (end == bytes.begin() || end == bytes.end()) return std::nullopt;
    SharedFile shared{std::string(bytes.begin(), end), elf::BuildId(end + 1, bytes.end())};
    if (!has_usable_build_id(shared.id) || shared.name.size() > kMaxNameBytes) return std::nullopt;
    return shared;
}

}  // namespace

uint32_t debug_link_crc(std::span<const uint8_t> bytes) {
    uint32_t crc = 0xffffffff;
    size_t at = 0;
    for (; bytes.size() - at >= 8; at += 8) {  // eight bytes a step: eight independent look-ups
        uint32_t low = 0;
        uint32_t high = 0;
        std::memcpy(&low, &bytes[at], 4);
        std::memcpy(&high, &bytes[at + 4], 4);
        low ^= crc;
        crc = kCrcTables[7][low & 0xff] ^ kCrcTables[6][low >> 8 & 0xff] ^
              kCrcTables[5][low >> 16 & 0xff] ^ kCrcTables[4][low >> 24] ^
              kCrcTables[3][high & 0xff] ^ kCrcTables[2][high >> 8 & 0xff] ^
              kCrcTables[1][high >> 16 & 0xff] ^ kCrcTables[0][high >> 24];
    }
    for (; at < bytes.size(); ++at) crc = crc >> 8 ^ kCrcTables[0][(crc ^ bytes[at]) & 0xff];
    return ~crc;
}

std::shared_ptr<const elf::ElfFile> find_debug_file(const elf::ElfFile& file,
                                                    const std::string& path, const Opener& open) {
    if (has_usable_build_id(file.build_id())) {
        auto found = open_elf(build_id_path(file.build_id()), open);
        if (found && found->build_id() == file.build_id()) return found;
    }
    const auto link = file.debug_link();
    // The link is a bare file name; one with a slash would lead the search elsewhere.
    if (!link || link->file.empty() || link->file.size() > kMaxNameBytes) return nullptr;
    if (link->file.find('/') != std::string_view::npos || !path.starts_with('/')) return nullptr;
    const std::string folder = folder_of(path);
    const std::string name(link->file);
    for (const std::string& candidate : {folder + "/" + name, folder + "/.debug/" + name,
                                         std::string(kDebugRoot) + folder + "/" + name}) {
        if (candidate == path) continue;
        auto found = open_elf(candidate, open);
        if (found && belongs_to(*found, file, link->crc)) return found;
    }
    return nullptr;
}

std::shared_ptr<const elf::ElfFile> find_shared_debug_file(const elf::ElfFile& debug,
                                                           const std::string& path,
                                                           const Opener& open) {
    const auto shared = shared_file_of(debug);
    if (!shared) return nullptr;
    const auto& [name, id] = *shared;
    const std::string beside = name.starts_with('/') ? name : folder_of(path) + "/" + name;
    for (const std::string& candidate : {build_id_path(id), beside}) {
        auto found = open_elf(candidate, open);
        if (found && found->build_id() == id) return found;
    }
    return nullptr;
}

elf::BuildId shared_debug_file_id(const elf::ElfFile& debug) {
    const auto shared = shared_file_of(debug);
    return shared ? shared->id : elf::BuildId{};
}

}  // namespace pyebpf::symbolize
