// SPDX-License-Identifier: Apache-2.0
#include "elf/frame_entries.h"

#include <elf.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "elf/bytes.h"

namespace pyebpf::elf {

namespace {

// Linkers merge equal CIEs: real files have tens. Bounds the memory that a section of nothing but
// CIEs would take.
constexpr size_t kMaxCommons = 65536;
// Beyond the largest browsers (30 MB), so that a hostile file cannot make us hold several times as
// much.
constexpr uint64_t kMaxSectionBytes = uint64_t{128} << 20;

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

// Only letters after a 'z' have data, whose size then comes first.
bool parse_augmentation(CommonInformation& common, std::string_view letters,
                        const EncodedPointers& pointers, ByteCursor& cursor) {
    ByteCursor data;
    common.has_augmentation_data = letters.starts_with('z');
    if (common.has_augmentation_data) {
        data = ByteCursor(cursor.take(cursor.unsigned_leb128()));
        letters.remove_prefix(1);
    }
    for (const char letter : letters) {
        switch (letter) {
            case 'R':
                common.pointer_encoding = data.fixed<uint8_t>();
                break;
            case 'L':
                data.fixed<uint8_t>();
                break;
            case 'P': {
                // Only skipped, so what it points at does not matter.
                const uint8_t encoding = data.fixed<uint8_t>() & ~EncodedPointers::kIndirect;
                if (!pointers.read(data, encoding)) return false;
                break;
            }
            case 'S':
                common.is_signal_frame = true;
                break;
            case 'B':  // aarch64: return addresses are signed with key B
            case 'G':
                break;  // aarch64: the stack is tagged
            default:
                return false;
        }
    }
    return data.ok();
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
    if (!parse_augmentation(common, augmentation, pointers, cursor)) return std::nullopt;
    if (!cursor.ok()) return std::nullopt;
    common.instructions = cursor.rest();
    return common;
}

// Reads the entries of one section in the order in which they are stored.
class SectionReader {
  public:
    SectionReader(const EncodedPointers& pointers, bool is_debug_frame,
                  std::vector<CommonInformation>& commons)
        : pointers_(pointers),
          section_(pointers.section),
          is_debug_frame_(is_debug_frame),
          // Found through the program headers, .eh_frame ends at its terminator only.
          ends_at_terminator_(!is_debug_frame && pointers.file->section(".eh_frame") == nullptr),
          commons_(commons) {}

    void read_all() {
        for (uint64_t offset = 0; offset < section_.size();) {
            auto entry = entry_at(offset);
            if (entry) {
                offset = entry->next;
                if (!entry->is_common && !add_description(*entry)) ++bad_descriptions_;
                continue;
            }
            // Some linkers leave terminators between input files; behind the last one there is only
            // padding.
            if (load<uint32_t>(section_, offset) != 0U) {
                ++bad_descriptions_;
                return;
            }
            if (ends_at_terminator_) return;
            offset += sizeof(uint32_t);
        }
    }

    [[nodiscard]] std::vector<Description> take_descriptions() { return std::move(descriptions_); }
    [[nodiscard]] uint64_t bad_descriptions() const { return bad_descriptions_; }

  private:
    static constexpr uint32_t kBad = UINT32_MAX;

    struct Entry {
        ByteCursor body;             // what follows the pointer to the CIE
        uint64_t common_offset = 0;  // of the CIE, in the section
        uint64_t next = 0;           // offset of the next entry
        bool is_common = false;
    };

    // nullopt at a terminator (length 0), and if the entry does not lie within the section.
    [[nodiscard]] std::optional<Entry> entry_at(uint64_t offset) const {
        if (offset >= section_.size()) return std::nullopt;
        ByteCursor cursor(section_.subspan(offset));
        uint64_t length = cursor.fixed<uint32_t>();
        const bool is_long = length == UINT32_MAX;
        if (is_long) length = cursor.fixed<uint64_t>();
        if (!cursor.ok() || length == 0 || length > cursor.left()) return std::nullopt;
        const auto offset_of = [&](const ByteCursor& at) {
            return static_cast<uint64_t>(at.position() - section_.data());
        };
        Entry entry{.body = ByteCursor(cursor.rest().first(length)),
                    .next = offset_of(cursor) + length};
        const uint64_t pointer_offset = offset_of(entry.body);
        // Only .debug_frame widens the pointer with the length (LSB Core 5.0 section 10.6.1.1).
        const bool is_wide = is_long && is_debug_frame_;
        const uint64_t pointer =
            is_wide ? entry.body.fixed<uint64_t>() : entry.body.fixed<uint32_t>();
        if (!entry.body.ok()) return std::nullopt;
        if (is_debug_frame_) {
            entry.is_common = pointer == (is_wide ? UINT64_MAX : UINT32_MAX);
            entry.common_offset = pointer;
        } else {
            entry.is_common = pointer == 0;
            entry.common_offset = pointer_offset - pointer;
        }
        return entry;
    }

    // Parsed when first referred to: in .debug_frame a CIE may come after its FDEs.
    [[nodiscard]] uint32_t common_at(uint64_t offset) {
        if (offset == last_common_offset_) return last_common_;
        last_common_offset_ = offset;
        const auto known = common_by_offset_.find(offset);
        last_common_ = known != common_by_offset_.end() ? known->second : read_common(offset);
        return last_common_;
    }

    [[nodiscard]] uint32_t read_common(uint64_t offset) {
        if (common_by_offset_.size() >= kMaxCommons) return kBad;
        uint32_t& index = common_by_offset_.emplace(offset, kBad).first->second;
        const auto entry = entry_at(offset);
        if (!entry || !entry->is_common) return kBad;
        const auto common = parse_common(pointers_, entry->body, is_debug_frame_);
        if (!common) return kBad;
        index = static_cast<uint32_t>(commons_.size());
        commons_.push_back(*common);
        return index;
    }

    [[nodiscard]] bool add_description(Entry& entry) {
        const uint32_t common_index = common_at(entry.common_offset);
        if (common_index == kBad) return false;
        const CommonInformation& common = commons_[common_index];
        const auto begin = pointers_.read(entry.body, common.pointer_encoding);
        const auto size = EncodedPointers::read_plain(entry.body, common.pointer_encoding);
        if (common.has_augmentation_data) entry.body.take(entry.body.unsigned_leb128());
        if (!begin || !size || !entry.body.ok() || *size > UINT64_MAX - *begin) return false;
        if (*size == 0 || !starts_in_code(*pointers_.file, {*begin})) return true;
        descriptions_.push_back({.begin = {*begin},
                                 .end = {*begin + *size},
                                 .instructions = entry.body.rest(),
                                 .common = common_index});
        return true;
    }

    const EncodedPointers& pointers_;
    const std::span<const uint8_t> section_;
    const bool is_debug_frame_;
    const bool ends_at_terminator_;
    std::vector<CommonInformation>& commons_;
    std::vector<Description> descriptions_;
    std::unordered_map<uint64_t, uint32_t> common_by_offset_;
    uint64_t last_common_offset_ = UINT64_MAX;
    uint32_t last_common_ = kBad;
    uint64_t bad_descriptions_ = 0;
};

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

FrameEntries::FrameEntries(const ElfFile& file)
    : eh_frame_(find_eh_frame(file)), debug_frame_(find_debug_frame(file)) {
    // In relocatable files the addresses are not known yet.
    if (file.type() != ET_EXEC && file.type() != ET_DYN) return;
    descriptions_ = read_section(eh_frame_, false);
    sort_disjoint(descriptions_);
    fill_gaps(read_section(debug_frame_, true));
}

std::vector<Description> FrameEntries::read_section(const EncodedPointers& pointers,
                                                    bool is_debug_frame) {
    SectionReader reader(pointers, is_debug_frame, commons_);
    reader.read_all();
    bad_descriptions_ += reader.bad_descriptions();
    return reader.take_descriptions();
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

void FrameEntries::fill_gaps(std::vector<Description> candidates) {
    if (candidates.empty()) return;
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
