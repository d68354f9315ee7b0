// SPDX-License-Identifier: Apache-2.0
#include "symbolize/debug_lines.h"

#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <libelf.h>

#include <cstring>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/result.h"
#include "symbolize/dwarf_unit.h"
#include "symbolize/executable_ranges.h"

namespace pyebpf::symbolize {
namespace {

// A byte of a line program makes at most one row of 48 bytes in libdw. The largest programs of real
// units have 2 MB.
constexpr uint64_t kMaxLineProgramBytes = uint64_t{24} << 20;
constexpr uint64_t kMaxDecompressedBytes = uint64_t{1} << 30;
constexpr size_t kMaxUnits = 1'000'000;
constexpr size_t kMaxUnitRanges = 4'000'000;

bool is_dwarf_section(std::string_view name) {
    return name.starts_with(".debug_") || name.starts_with(".zdebug_");
}

bool has_dwarf(const elf::ElfFile& file) {
    const elf::Section* info = file.section(".debug_info");
    if (info == nullptr) info = file.section(".zdebug_info");
    return info != nullptr && !file.section_bytes(*info).empty();
}

// The size of a compressed section when unpacked; nullopt if it is not compressed.
std::optional<uint64_t> decompressed_bytes(const elf::ElfFile& file, const elf::Section& section) {
    const std::span<const uint8_t> bytes = file.section_bytes(section);
    if ((section.flags & SHF_COMPRESSED) != 0) {
        Elf64_Chdr header;
        if (bytes.size() < sizeof header) return UINT64_MAX;
        std::memcpy(&header, bytes.data(), sizeof header);
        return header.ch_size;
    }
    if (section.name.starts_with(".zdebug_")) {  // "ZLIB" and the size in big-endian order
        if (bytes.size() < 12) return UINT64_MAX;
        uint64_t size = 0;
        for (size_t i = 4; i < 12; ++i) size = size << 8 | bytes[i];
        return size;
    }
    return std::nullopt;
}

// An ELF file that libdw accepts as having DWARF, and that has none. It stands in for a shared
// debug file that was not found: without it libdw would open one by itself, outside the target's
// root.
std::vector<uint8_t> make_empty_dwarf() {
    static constexpr std::string_view kNames("\0.shstrtab\0.debug_line\0", 23);
    const size_t names_at = sizeof(Elf64_Ehdr);
    const size_t sections_at = names_at + 24;
    std::vector<uint8_t> image(sections_at + 3 * sizeof(Elf64_Shdr));

    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_DYN;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_shoff = sections_at;
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 3;
    header.e_shstrndx = 1;
    std::memcpy(image.data(), &header, sizeof header);
    std::memcpy(&image[names_at], kNames.data(), kNames.size());

    Elf64_Shdr sections[3] = {};
    sections[1].sh_name = 1;
    sections[1].sh_type = SHT_STRTAB;
    sections[1].sh_offset = names_at;
    sections[1].sh_size = kNames.size();
    sections[1].sh_addralign = 1;
    sections[2] = sections[1];
    sections[2].sh_name = 11;
    sections[2].sh_type = SHT_PROGBITS;
    sections[2].sh_size = 1;
    std::memcpy(&image[sections_at], sections, sizeof sections);
    return image;
}

// One ELF image as libdw sees it.
class DwarfImage {
  public:
    static std::unique_ptr<DwarfImage> open(const elf::ElfFile& file) {
        uint64_t decompressed = 0;
        bool is_compressed = false;
        for (const elf::Section& section : file.sections()) {
            if (!is_dwarf_section(section.name)) continue;
            const auto size = decompressed_bytes(file, section);
            if (!size) continue;
            if (*size > kMaxDecompressedBytes - decompressed) return nullptr;
            decompressed += *size;
            is_compressed = true;
        }
        std::unique_ptr<DwarfImage> image(new DwarfImage);
        const std::span<const uint8_t> bytes = file.bytes();
        // libelf notes in the section headers that it unpacked a section, so these have to be
        // writable.
        if (is_compressed) image->copy_.assign(bytes.begin(), bytes.end());
        image->bytes_ = is_compressed ? std::span<const uint8_t>(image->copy_) : bytes;
        return image->begin() ? std::move(image) : nullptr;
    }

    static std::unique_ptr<DwarfImage> empty() {
        std::unique_ptr<DwarfImage> image(new DwarfImage);
        image->copy_ = make_empty_dwarf();
        image->bytes_ = image->copy_;
        PYEBPF_CHECK(image->begin());
        return image;
    }

    ~DwarfImage() {
        if (dwarf_ != nullptr) dwarf_end(dwarf_);
        if (elf_ != nullptr) elf_end(elf_);
    }
    DwarfImage(const DwarfImage&) = delete;
    DwarfImage& operator=(const DwarfImage&) = delete;

    [[nodiscard]] Dwarf* get() const { return dwarf_; }

    // The unpacked .debug_line.
    [[nodiscard]] std::span<const uint8_t> line_programs() const {
        size_t names = 0;
        if (elf_getshdrstrndx(elf_, &names) != 0) return {};
        for (Elf_Scn* section = elf_nextscn(elf_, nullptr); section != nullptr;
             section = elf_nextscn(elf_, section)) {
            const Elf64_Shdr* header = elf64_getshdr(section);
            const char* name =
                header != nullptr ? elf_strptr(elf_, names, header->sh_name) : nullptr;
            if (name == nullptr) continue;
            if (std::string_view(name) != ".debug_line" && std::string_view(name) != ".zdebug_line")
                continue;
            const Elf_Data* data = elf_rawdata(section, nullptr);
            if (data == nullptr || data->d_buf == nullptr) return {};
            return {static_cast<const uint8_t*>(data->d_buf), data->d_size};
        }
        return {};
    }

  private:
    DwarfImage() = default;

    bool begin() {
        elf_version(EV_CURRENT);
        // libelf takes a pointer to what it may write; it only writes what is copied above.
        auto* image = const_cast<char*>(reinterpret_cast<const char*>(bytes_.data()));
        elf_ = elf_memory(image, bytes_.size());
        if (elf_ != nullptr) dwarf_ = dwarf_begin_elf(elf_, DWARF_C_READ, nullptr);
        return dwarf_ != nullptr;
    }

    std::vector<uint8_t> copy_;
    std::span<const uint8_t> bytes_;
    Elf* elf_ = nullptr;
    Dwarf* dwarf_ = nullptr;
};

}  // namespace

class DebugLines::Reader {
  public:
    Reader(Files files, size_t max_rows)
        : files_(std::move(files)), max_rows_(max_rows), code_(*files_.file) {}

    bool open() { return begin() && index_units(); }

    void lookup(uint64_t address, std::vector<SourceFrame>& frames) {
        const uint32_t unit = units_by_address_.at(address);
        if (unit == FlatRanges::kNone) return;
        if (const UnitIndex* index = load(unit)) index->lookup(address, frames);
    }

    [[nodiscard]] size_t unit_count() const { return units_.size(); }
    [[nodiscard]] size_t loaded_rows() const { return loaded_rows_; }

  private:
    struct Unit {
        uint64_t entry = 0;  // offset in .debug_info
        bool has_lines = false;
    };

    bool begin() {
        const elf::ElfFile& source =
            files_.debug && has_dwarf(*files_.debug) ? *files_.debug : *files_.file;
        if (!has_dwarf(source)) return false;
        main_ = DwarfImage::open(source);
        if (!main_) return false;
        shared_ = files_.shared ? DwarfImage::open(*files_.shared) : nullptr;
        if (!shared_) shared_ = DwarfImage::empty();
        dwarf_setalt(main_->get(), shared_->get());
        return true;
    }

    bool index_units() {
        const std::span<const uint8_t> line_programs = main_->line_programs();
        std::vector<RankedRange> ranges;
        Dwarf_CU* unit = nullptr;
        Dwarf_CU* next = nullptr;
        Dwarf_Die entry;
        // Asking for no sub-DIE keeps libdw from opening split DWARF files by the names in the
        // unit.
        while (units_.size() < kMaxUnits &&
               dwarf_get_units(main_->get(), unit, &next, nullptr, nullptr, &entry, nullptr) == 0) {
            unit = next;
            const int tag = dwarf_tag(&entry);
            if (tag != DW_TAG_compile_unit && tag != DW_TAG_skeleton_unit) continue;
            const auto number = static_cast<uint32_t>(units_.size());
            const size_t ranges_before = ranges.size();
            ptrdiff_t position = 0;
            Dwarf_Addr base = 0;
            Dwarf_Addr begin = 0;
            Dwarf_Addr end = 0;
            while (ranges.size() < kMaxUnitRanges &&
                   (position = dwarf_ranges(&entry, position, &base, &begin, &end)) > 0) {
                if (begin < end && code_.contains(begin)) {
                    ranges.push_back({.start = begin, .end = end, .rank = 0, .value = number});
                }
            }
            if (ranges.size() == ranges_before) continue;
            units_.push_back({.entry = dwarf_dieoffset(&entry),
                              .has_lines = has_bounded_lines(entry, line_programs)});
        }
        units_by_address_ = FlatRanges(ranges);
        return !units_.empty();
    }

    static bool has_bounded_lines(Dwarf_Die& unit, std::span<const uint8_t> line_programs) {
        Dwarf_Attribute attribute;
        Dwarf_Word offset = 0;
        if (dwarf_attr(&unit, DW_AT_stmt_list, &attribute) == nullptr) return false;
        if (dwarf_formudata(&attribute, &offset) != 0) return false;
        if (line_programs.size() < 4 || offset > line_programs.size() - 4) return false;
        // DWARF 5, section 7.4: 0xffffffff announces a 64-bit length, which only absurdly large
        // programs need.
        uint32_t length = 0;
        std::memcpy(&length, &line_programs[offset], sizeof length);
        return length <= kMaxLineProgramBytes;
    }

    const UnitIndex* load(uint32_t number) {
        if (const auto found = loaded_.find(number); found != loaded_.end())
            return found->second.get();
        if (loaded_rows_ > max_rows_) {
            // libdw frees what it read only all together.
            loaded_.clear();
            loaded_rows_ = 0;
            main_.reset();
            shared_.reset();
            if (!begin()) return nullptr;
        }
        if (!main_) return nullptr;
        const Unit& unit = units_[number];
        auto index = read_dwarf_unit(main_->get(), unit.entry, code_, unit.has_lines);
        if (index) loaded_rows_ += index->rows();
        return loaded_.emplace(number, std::move(index)).first->second.get();
    }

    Files files_;
    size_t max_rows_;
    ExecutableRanges code_;
    std::unique_ptr<DwarfImage> shared_;  // outlives main_, which refers to it
    std::unique_ptr<DwarfImage> main_;
    std::vector<Unit> units_;
    FlatRanges units_by_address_;  // values are indices of units_
    std::unordered_map<uint32_t, std::unique_ptr<const UnitIndex>> loaded_;
    size_t loaded_rows_ = 0;
};

std::unique_ptr<DebugLines> DebugLines::open(Files files, size_t max_rows) {
    auto reader = std::make_unique<Reader>(std::move(files), max_rows);
    if (!reader->open()) return nullptr;
    return std::unique_ptr<DebugLines>(new DebugLines(std::move(reader)));
}

DebugLines::DebugLines(std::unique_ptr<Reader> reader) : reader_(std::move(reader)) {}
DebugLines::~DebugLines() = default;

std::span<const SourceFrame> DebugLines::lookup(StatedAddress address) {
    frames_.clear();
    reader_->lookup(address.value, frames_);
    return frames_;
}

size_t DebugLines::unit_count() const {
    return reader_->unit_count();
}
size_t DebugLines::loaded_rows() const {
    return reader_->loaded_rows();
}

}  // namespace pyebpf::symbolize
