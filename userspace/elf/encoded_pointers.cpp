// SPDX-License-Identifier: Apache-2.0
#include "elf/encoded_pointers.h"

namespace pyebpf::elf {

namespace {

enum PointerEncoding : uint8_t {
    kFormatMask = 0x0f,
    kAbsolute = 0x00,
    kUnsignedLeb128 = 0x01,
    kUnsigned2 = 0x02,
    kUnsigned4 = 0x03,
    kUnsigned8 = 0x04,
    kSigned = 0x08,
    kSignedLeb128 = 0x09,
    kSigned2 = 0x0a,
    kSigned4 = 0x0b,
    kSigned8 = 0x0c,
    kRelationMask = 0x70,
    kRelativeToItself = 0x10,
    kRelativeToText = 0x20,
    kRelativeToData = 0x30,
    kAligned = 0x50,
    kOmitted = 0xff,
};

}  // namespace

std::optional<uint64_t> EncodedPointers::read_plain(ByteCursor& cursor, uint8_t encoding) {
    std::optional<uint64_t> value;
    switch (encoding & kFormatMask) {
        case kAbsolute:
        case kUnsigned8:
        case kSigned:
        case kSigned8:
            value = cursor.fixed<uint64_t>();
            break;
        case kUnsignedLeb128:
            value = cursor.unsigned_leb128();
            break;
        case kUnsigned2:
            value = cursor.fixed<uint16_t>();
            break;
        case kUnsigned4:
            value = cursor.fixed<uint32_t>();
            break;
        case kSignedLeb128:
            value = static_cast<uint64_t>(cursor.signed_leb128());
            break;
        case kSigned2:
            value = static_cast<uint64_t>(int64_t{cursor.fixed<int16_t>()});
            break;
        case kSigned4:
            value = static_cast<uint64_t>(int64_t{cursor.fixed<int32_t>()});
            break;
        default:
            return std::nullopt;
    }
    return cursor.ok() ? value : std::nullopt;
}

std::optional<uint64_t> EncodedPointers::read(ByteCursor& cursor, uint8_t encoding) const {
    if (encoding == kOmitted) return std::nullopt;
    const auto here = [&] {
        return section_address.value + static_cast<uint64_t>(cursor.position() - section.data());
    };
    uint64_t base = 0;
    switch (encoding & kRelationMask) {
        case kAbsolute:
            break;
        case kRelativeToItself:
            base = here();
            break;
        case kRelativeToText:
            base = text_base.value;
            break;
        case kRelativeToData:
            base = data_base.value;
            break;
        case kAligned:
            cursor.take((0 - here()) % sizeof(uint64_t));
            break;
        default:
            return std::nullopt;
    }
    const auto plain = read_plain(cursor, encoding);
    if (!plain) return std::nullopt;
    const uint64_t value = base + *plain;
    if ((encoding & kIndirect) != 0) return file->read_u64({value});
    return value;
}

}  // namespace pyebpf::elf
