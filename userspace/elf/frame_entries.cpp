// SPDX-License-Identifier: Apache-2.0
#include "elf/frame_entries.h"

#include <elf.h>

#include <algorithm>
#include <unordered_map>

namespace pyebpf::elf {

namespace {

// Linkers merge equal CIEs: real files have tens. Bounds the memory that a section of nothing but
// CIEs would take.
constexpr size_t kMaxCommons = 65536;
// Beyond the largest browsers (30 MB), so that a hostile file cannot make us hold several times as
// much.
constexpr uint64_t kMaxSectionBytes = uint64_t{256} << 20;

// Pointer encodings: LSB Core 5.0 section 10.5.1.
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
    kIndirect = 0x80,
    kOmitted = 0xff,
};

bool starts_in_code(const ElfFile& file, StatedAddress address) {
    return std::any_of(file.segments().begin(), file.segments().end(), [&](const Segment& segment) {
        return segment.type == PT_LOAD && (segment.flags & PF_X) != 0 &&
               address >= segment.address && address - segment.address < segment.memory_size;
    });
}

StatedAddress address_of(const ElfFile& file, std::string_view section) {
    const Section* found = file.section(section);
    return found != nullptr ? found->address : StatedAddress{};
}

// Common information of either section; nullopt if its version or augmentation is not known.
std::optional<CommonInformation> parse_common(const EncodedPointers& pointers, ByteCursor cursor,
                                              bool is_debug_frame) {
    CommonInformation common{.is_debug_frame = is_debug_frame};
    const uint8_t version = cursor.fixed<uint8_t>();
    if (version != 1 && version != 3 && version != 4) return std::nullopt;
    const std::string_view augmentation = cursor.text();
    if (version == 4) {
        const uint8_t address_bytes = cursor.fixed<uint8_t>();
        const uint8_t segment_selector_bytes = cursor.fixed<uint8_t>();
        if (address_bytes != 8 || segment_selector_bytes != 0) return std::nullopt;
    }
    common.code_alignment = cursor.unsigned_leb128();
    common.data_alignment = cursor.signed_leb128();
    common.return_register = version == 1 ? cursor.fixed<uint8_t>() : cursor.unsigned_leb128();
    if (!augmentation.empty()) {
        if (augmentation[0] != 'z') return std::nullopt;
        common.has_augmentation_data = true;
        ByteCursor data(cursor.take(cursor.unsigned_leb128()));
        for (const char letter : augmentation.substr(1)) {
            switch (letter) {
                case 'R':
                    common.pointer_encoding = data.fixed<uint8_t>();
                    break;
                case 'L':
                    data.fixed<uint8_t>();
                    break;
                case 'P': {
                    const uint8_t encoding = data.fixed<uint8_t>();
                    // Only skipped, so what it points at does not matter.
                    if (!pointers.read(data, encoding & static_cast<uint8_t>(~kIndirect))) {
                        return std::nullopt;
                    }
                    break;
                }
                case 'S':
                    common.is_signal_frame = true;
                    break;
                case 'B':  // aarch64: return addresses are signed with key B
                case 'G':
                    break;  // aarch64: the stack is tagged
                default:
                    return std::nullopt;
            }
        }
        if (!data.ok()) return std::nullopt;
    }
    if (!cursor.ok()) return std::nullopt;
    common.instructions = cursor.rest();
    return common;
}

// Sorts and drops what begins before its predecessor ends.
void sort_disjoint(std::vector<Description>& descriptions) {
    std::stable_sort(descriptions.begin(), descriptions.end(),
                     [](const Description& a, const Description& b) { return a.begin < b.begin; });
    StatedAddress covered;
    std::erase_if(descriptions, [&](const Description& description) {
        if (description.begin < covered) return true;
        covered = description.end;
        return false;
    });
}

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

FrameEntries::FrameEntries(const ElfFile& file)
    : eh_frame_(find_eh_frame(file)), debug_frame_(find_debug_frame(file)) {
    // In relocatable files the addresses are not known yet.
    if (file.type() != ET_EXEC && file.type() != ET_DYN) return;
    read_section(eh_frame_, false);
    sort_disjoint(descriptions_);
    if (debug_frame_.section.empty()) return;
    std::vector<Description> of_eh_frame = std::move(descriptions_);
    descriptions_ = {};
    read_section(debug_frame_, true);
    std::swap(of_eh_frame, descriptions_);
    fill_gaps(std::move(of_eh_frame));
}

EncodedPointers FrameEntries::find_eh_frame(const ElfFile& file) {
    EncodedPointers pointers{.file = &file,
                             .text_base = address_of(file, ".text"),
                             .data_base = address_of(file, ".got")};
    if (const Section* found = file.section(".eh_frame")) {
        if (found->size > kMaxSectionBytes) return pointers;
        pointers.section = file.section_bytes(*found);
        pointers.section_address = found->address;
        return pointers;
    }
    // Without section headers, .eh_frame_hdr leads to it: LSB Core 5.0 section 10.6.2.
    for (const Segment& segment : file.segments()) {
        if (segment.type != PT_GNU_EH_FRAME) continue;
        const auto header = file.at(segment.address, segment.file_size);
        const EncodedPointers in_header{.file = &file,
                                        .section = header,
                                        .section_address = segment.address,
                                        .data_base = segment.address};
        ByteCursor cursor(header);
        const uint8_t version = cursor.fixed<uint8_t>();
        const uint8_t encoding = cursor.fixed<uint8_t>();
        cursor.take(2);  // encodings of the search table
        const auto address = in_header.read(cursor, encoding);
        if (version != 1 || !address) continue;
        pointers.section_address = {*address};
        pointers.section = file.bytes_from(pointers.section_address, kMaxSectionBytes);
        return pointers;
    }
    return pointers;
}

EncodedPointers FrameEntries::find_debug_frame(const ElfFile& file) {
    EncodedPointers pointers{.file = &file};
    const Section* found = file.section(".debug_frame");
    if (found == nullptr || found->size > kMaxSectionBytes) return pointers;
    if ((found->flags & SHF_COMPRESSED) != 0) return pointers;
    pointers.section = file.section_bytes(*found);
    return pointers;
}

// Walks over all entries of one section. CIEs come before or, in .debug_frame, possibly after their
// FDEs, so each is parsed when first referred to.
void FrameEntries::read_section(const EncodedPointers& pointers, bool is_debug_frame) {
    constexpr uint32_t kBad = UINT32_MAX;
    const auto section = pointers.section;
    const uint64_t common_mark = is_debug_frame ? UINT32_MAX : 0;
    const bool has_known_size = is_debug_frame || pointers.file->section(".eh_frame") != nullptr;

    struct Entry {
        ByteCursor body;         // behind the CIE pointer
        uint64_t id = 0;         // CIE mark or pointer
        uint64_t id_offset = 0;  // of the CIE pointer in the section
        uint64_t next = 0;
        bool is_common = false;
    };
    // The entry at an offset; nullopt at the terminator (length 0) and outside.
    const auto entry_at = [&](uint64_t offset) -> std::optional<Entry> {
        if (offset >= section.size()) return std::nullopt;
        ByteCursor cursor(section.subspan(offset));
        uint64_t length = cursor.fixed<uint32_t>();
        const bool is_64_bit = length == UINT32_MAX;
        if (is_64_bit) length = cursor.fixed<uint64_t>();
        if (!cursor.ok() || length == 0 || length > cursor.left()) return std::nullopt;
        const auto offset_of = [&](const ByteCursor& at) {
            return static_cast<uint64_t>(at.position() - section.data());
        };
        Entry entry;
        entry.body = ByteCursor(cursor.rest().first(length));
        entry.next = offset_of(cursor) + length;
        entry.id_offset = offset_of(entry.body);
        // Only .debug_frame widens the pointer with the length (LSB Core 5.0 section 10.6.1.1).
        const bool is_wide = is_64_bit && is_debug_frame;
        entry.id = is_wide ? entry.body.fixed<uint64_t>() : entry.body.fixed<uint32_t>();
        entry.is_common = entry.id == (is_wide ? UINT64_MAX : common_mark);
        if (!entry.body.ok()) return std::nullopt;
        return entry;
    };

    std::unordered_map<uint64_t, uint32_t> common_by_offset;
    const auto common_at = [&](uint64_t offset) -> uint32_t {
        const auto [place, is_new] = common_by_offset.try_emplace(offset, kBad);
        if (!is_new) return place->second;
        const auto entry = entry_at(offset);
        if (!entry || !entry->is_common || commons_.size() >= kMaxCommons) return kBad;
        const auto common = parse_common(pointers, entry->body, is_debug_frame);
        if (!common) return kBad;
        commons_.push_back(*common);
        place->second = static_cast<uint32_t>(commons_.size() - 1);
        return place->second;
    };

    const auto add_description = [&](Entry& entry, uint32_t common_index) -> bool {
        if (common_index == kBad) return false;
        const CommonInformation& common = commons_[common_index];
        const auto begin = pointers.read(entry.body, common.pointer_encoding);
        const auto size = EncodedPointers::read_plain(entry.body, common.pointer_encoding);
        if (common.has_augmentation_data) entry.body.take(entry.body.unsigned_leb128());
        if (!begin || !size || !entry.body.ok() || *size > UINT64_MAX - *begin) return false;
        if (*size == 0 || !starts_in_code(*pointers.file, {*begin})) return true;
        descriptions_.push_back({.begin = {*begin},
                                 .end = {*begin + *size},
                                 .instructions = entry.body.rest(),
                                 .common = common_index});
        return true;
    };

    uint64_t last_common_offset = UINT64_MAX;
    uint32_t last_common = kBad;
    for (uint64_t offset = 0; offset < section.size();) {
        auto entry = entry_at(offset);
        if (!entry) {
            // Linkers put terminators between input files now and then; behind the last one there
            // is only padding.
            const bool is_terminator = section.size() - offset >= 4 &&
                                       ByteCursor(section.subspan(offset)).fixed<uint32_t>() == 0;
            if (!is_terminator) ++bad_descriptions_;
            if (!is_terminator || !has_known_size) return;
            offset += 4;
            continue;
        }
        offset = entry->next;
        if (entry->is_common) continue;
        const uint64_t common_offset = is_debug_frame ? entry->id : entry->id_offset - entry->id;
        if (common_offset != last_common_offset) {
            last_common = common_at(common_offset);
            last_common_offset = common_offset;
        }
        if (!add_description(*entry, last_common)) ++bad_descriptions_;
    }
}

void FrameEntries::fill_gaps(std::vector<Description> candidates) {
    std::erase_if(candidates, [&](const Description& candidate) {
        const auto next = std::partition_point(
            descriptions_.begin(), descriptions_.end(),
            [&](const Description& description) { return description.end <= candidate.begin; });
        return next != descriptions_.end() && next->begin < candidate.end;
    });
    descriptions_.insert(descriptions_.end(), candidates.begin(), candidates.end());
    sort_disjoint(descriptions_);
}

}  // namespace pyebpf::elf
