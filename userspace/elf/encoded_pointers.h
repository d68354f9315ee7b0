// SPDX-License-Identifier: Apache-2.0
// Pointers as .eh_frame stores them: in one of many formats, relative to one of several places (LSB
// Core 5.0 section 10.5.1).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/addresses.h"
#include "elf/byte_cursor.h"
#include "elf/elf_file.h"

namespace pyebpf::elf {

// Decodes the pointers of one section; their meaning depends on where they are.
struct EncodedPointers {
    // The bit of an encoding that says: the pointer is at the address, not the address itself.
    static constexpr uint8_t kIndirect = 0x80;

    const ElfFile* file = nullptr;
    std::span<const uint8_t> section;
    StatedAddress section_address;
    StatedAddress text_base;
    StatedAddress data_base;

    // The cursor must be inside the section. nullopt if the encoding is not known or leads out of
    // the file.
    [[nodiscard]] std::optional<uint64_t> read(ByteCursor& cursor, uint8_t encoding) const;
    // Only the number, without what it is relative to: sizes are stored like this.
    [[nodiscard]] static std::optional<uint64_t> read_plain(ByteCursor& cursor, uint8_t encoding);
};

}  // namespace pyebpf::elf
