// SPDX-License-Identifier: Apache-2.0
// Headers, segments, sections and addresses. Field meanings: System V ABI, chapters 4 and 5;
// e_phnum and e_shnum escapes: "extended section header", the same chapter 4.
#include "elf/elf_file.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/unique_fd.h"
#include "elf/bytes.h"
#include "elf/file_contents.h"

namespace pyebpf::elf {

namespace {

// Linkers write about 15. Every address look-up goes through all of them.
constexpr uint64_t kMaxSegments = 256;
// Linked files have tens; only object files built with -ffunction-sections come near.
constexpr uint64_t kMaxSections = 65536;
constexpr size_t kMaxNeeded = 1024;
constexpr size_t kMaxBuildIdBytes = 64;
// The build id comes early; only long lists of probes (.note.stapsdt) reach thousands of bytes.
constexpr uint64_t kMaxNoteBytes = 65536;

bool inside(uint64_t offset, uint64_t size, uint64_t limit) {
    return offset <= limit && size <= limit - offset;
}

// The kernel maps whole pages, so a mapping starts before the segment's offset by up to a page.
uint64_t largest_page_bytes(uint16_t machine) {
    return machine == EM_AARCH64 ? 65536 : 4096;
}

// Notes are padded to 4 bytes, or to 8 in segments aligned so (gABI; the GNU property notes).
BuildId find_build_id(std::span<const uint8_t> notes, uint64_t alignment) {
    const uint64_t pad = alignment == 8 ? 8 : 4;
    uint64_t offset = 0;
    while (const auto note = load<Elf64_Nhdr>(notes, offset)) {
        const uint64_t name = offset + sizeof(Elf64_Nhdr);
        const uint64_t description =
            offset + (sizeof(Elf64_Nhdr) + note->n_namesz + pad - 1) / pad * pad;
        if (!inside(description, note->n_descsz, notes.size())) return {};
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
            std::memcmp(notes.data() + name, "GNU", 4) == 0) {
            if (note->n_descsz == 0 || note->n_descsz > kMaxBuildIdBytes) return {};
            const auto id = notes.subspan(description, note->n_descsz);
            return {id.begin(), id.end()};
        }
        offset = description + (note->n_descsz + pad - 1) / pad * pad;
    }
    return {};
}

}  // namespace

std::string to_hex(std::span<const uint8_t> bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const uint8_t byte : bytes) {
        text.push_back(kDigits[byte >> 4]);
        text.push_back(kDigits[byte & 15]);
    }
    return text;
}

Result<std::shared_ptr<const ElfFile>> ElfFile::open(const std::string& path) {
    // O_NONBLOCK: the path may be a FIFO that nobody writes to.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) return fail_errno("open " + path, errno);
    return from_fd(fd, path);
}

Result<std::shared_ptr<const ElfFile>> ElfFile::from_fd(int fd, std::string name) {
    auto contents = FileContents::of_file(UniqueFd(fd), name);
    if (!contents) return tl::unexpected(contents.error());
    return from_contents(std::move(*contents), std::move(name));
}

Result<std::shared_ptr<const ElfFile>> ElfFile::from_bytes(std::vector<uint8_t> bytes,
                                                           std::string name) {
    return from_contents(FileContents::of_bytes(std::move(bytes)), std::move(name));
}

Result<std::shared_ptr<const ElfFile>> ElfFile::from_contents(
    std::unique_ptr<FileContents> contents, std::string name) {
    const std::shared_ptr<ElfFile> file(new ElfFile());
    file->name_ = std::move(name);
    file->contents_ = std::move(contents);
    if (auto parsed = file->parse(); !parsed) return tl::unexpected(parsed.error());
    return file;
}

ElfFile::~ElfFile() = default;

Result<void> ElfFile::parse() {
    const auto header = load<Elf64_Ehdr>(contents_->range(0, sizeof(Elf64_Ehdr)), 0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
        return fail(name_ + ": not an ELF file");
    }
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB) {
        return fail(name_ + ": not a 64-bit little-endian ELF file");
    }
    if (header->e_machine != EM_X86_64 && header->e_machine != EM_AARCH64) {
        return fail(fmt::format("{}: ELF machine {} is neither x86-64 nor aarch64", name_,
                                header->e_machine));
    }
    machine_ = header->e_machine;
    type_ = header->e_type;
    entry_ = {header->e_entry};

    uint64_t segments = header->e_phnum;
    uint64_t sections = header->e_shnum;
    uint64_t names_index = header->e_shstrndx;
    const bool has_sections = header->e_shoff != 0 && header->e_shentsize == sizeof(Elf64_Shdr);
    if (has_sections) {
        // Counts that do not fit the header are in section 0.
        const auto first =
            load<Elf64_Shdr>(contents_->range(header->e_shoff, sizeof(Elf64_Shdr)), 0);
        if (first) {
            if (sections == 0) sections = first->sh_size;
            if (names_index == SHN_XINDEX) names_index = first->sh_link;
            if (segments == PN_XNUM) segments = first->sh_info;
        }
    }
    if (header->e_phentsize == sizeof(Elf64_Phdr)) parse_segments(header->e_phoff, segments);
    if (has_sections) parse_sections(header->e_shoff, sections, names_index);
    parse_dynamic();
    parse_build_id();
    return {};
}

void ElfFile::parse_segments(uint64_t table_offset, uint64_t count) {
    if (count > kMaxSegments) return;
    const auto table = contents_->range(table_offset, count * sizeof(Elf64_Phdr));
    for (uint64_t i = 0; i < count; ++i) {
        const auto header = load<Elf64_Phdr>(table, i * sizeof(Elf64_Phdr));
        if (!header) return;
        if (!inside(header->p_offset, header->p_filesz, contents_->size())) continue;
        // A segment that wraps around the address space cannot be mapped.
        if (!inside(header->p_vaddr, std::max(header->p_memsz, header->p_filesz), UINT64_MAX))
            continue;
        segments_.push_back({.type = header->p_type,
                             .flags = header->p_flags,
                             .offset = {header->p_offset},
                             .address = {header->p_vaddr},
                             .file_size = header->p_filesz,
                             .memory_size = header->p_memsz,
                             .alignment = header->p_align});
    }
}

void ElfFile::parse_sections(uint64_t table_offset, uint64_t count, uint64_t names_index) {
    if (count > kMaxSections) return;
    const auto table = contents_->range(table_offset, count * sizeof(Elf64_Shdr));
    if (table.empty()) return;
    std::span<const uint8_t> names;
    if (names_index < count) {
        const auto header = load<Elf64_Shdr>(table, names_index * sizeof(Elf64_Shdr));
        names = contents_->range(header->sh_offset, header->sh_size);
    }
    sections_.reserve(count);
    for (uint64_t i = 0; i < count; ++i) {
        const auto header = load<Elf64_Shdr>(table, i * sizeof(Elf64_Shdr));
        const bool has_contents = header->sh_type != SHT_NOBITS && header->sh_type != SHT_NULL;
        const bool is_inside =
            !has_contents || inside(header->sh_offset, header->sh_size, contents_->size());
        if (header->sh_type == SHT_NULL || !is_inside) {
            sections_.emplace_back();
            continue;
        }
        sections_.push_back({.name = text_at(names, header->sh_name),
                             .type = header->sh_type,
                             .flags = header->sh_flags,
                             .address = {header->sh_addr},
                             .offset = {header->sh_offset},
                             .size = header->sh_size,
                             .link = header->sh_link,
                             .entry_size = header->sh_entsize});
    }
}

void ElfFile::parse_dynamic() {
    const auto entries = dynamic_entries();
    for (uint64_t offset = 0;; offset += sizeof(Elf64_Dyn)) {
        const auto entry = load<Elf64_Dyn>(entries, offset);
        if (!entry || entry->d_tag == DT_NULL) return;
        const uint64_t value = entry->d_un.d_val;
        switch (entry->d_tag) {
            case DT_STRTAB:
                dynamic_.strings = value;
                break;
            case DT_STRSZ:
                dynamic_.strings_size = value;
                break;
            case DT_SYMTAB:
                dynamic_.symbols = value;
                break;
            case DT_HASH:
                dynamic_.hash = value;
                break;
            case DT_GNU_HASH:
                dynamic_.gnu_hash = value;
                break;
            case DT_RELA:
                dynamic_.relocations = value;
                break;
            case DT_RELASZ:
                dynamic_.relocations_size = value;
                break;
            case DT_JMPREL:
                dynamic_.plt_relocations = value;
                break;
            case DT_PLTRELSZ:
                dynamic_.plt_relocations_size = value;
                break;
            case DT_SONAME:
                dynamic_.soname = value;
                break;
            case DT_NEEDED:
                if (dynamic_.needed.size() < kMaxNeeded) dynamic_.needed.push_back(value);
                break;
            default:
                break;
        }
    }
}

std::span<const uint8_t> ElfFile::dynamic_entries() const {
    if (const Section* found = section_of_type(SHT_DYNAMIC)) return section_bytes(*found);
    // In a file of debug information .dynamic has become SHT_NOBITS, and PT_DYNAMIC points at
    // something else.
    if (section(".dynamic") != nullptr) return {};
    for (const Segment& segment : segments_) {
        if (segment.type == PT_DYNAMIC) {
            return contents_->range(segment.offset.value, segment.file_size);
        }
    }
    return {};
}

void ElfFile::parse_build_id() {
    for (const Section& candidate : sections_) {
        if (candidate.type != SHT_NOTE || !build_id_.empty()) continue;
        const uint64_t size = std::min(candidate.size, kMaxNoteBytes);
        build_id_ = find_build_id(contents_->range(candidate.offset.value, size), 4);
    }
    for (const Segment& segment : segments_) {
        if (segment.type != PT_NOTE || !build_id_.empty()) continue;
        const uint64_t size = std::min(segment.file_size, kMaxNoteBytes);
        build_id_ = find_build_id(contents_->range(segment.offset.value, size), segment.alignment);
    }
}

std::span<const uint8_t> ElfFile::bytes() const {
    return contents_->range(0, contents_->size());
}

const Section* ElfFile::section(std::string_view name) const {
    const auto found =
        std::find_if(sections_.begin(), sections_.end(), [&](const Section& candidate) {
            return candidate.type != SHT_NULL && candidate.name == name;
        });
    return found == sections_.end() ? nullptr : &*found;
}

const Section* ElfFile::section_of_type(uint32_t type) const {
    const auto found =
        std::find_if(sections_.begin(), sections_.end(),
                     [&](const Section& candidate) { return candidate.type == type; });
    return found == sections_.end() ? nullptr : &*found;
}

std::span<const uint8_t> ElfFile::section_bytes(const Section& section) const {
    if (section.type == SHT_NULL || section.type == SHT_NOBITS) return {};
    return contents_->range(section.offset.value, section.size);
}

std::optional<uint64_t> ElfFile::offset_of(StatedAddress address, uint64_t size) const {
    for (const Segment& segment : segments_) {
        if (segment.type != PT_LOAD || address < segment.address) continue;
        const uint64_t into = address - segment.address;
        if (into < segment.file_size && size <= segment.file_size - into)
            return segment.offset.value + into;
    }
    return std::nullopt;
}

std::span<const uint8_t> ElfFile::at(StatedAddress address, uint64_t size) const {
    const auto offset = offset_of(address, size);
    return offset ? contents_->range(*offset, size) : std::span<const uint8_t>();
}

std::span<const uint8_t> ElfFile::bytes_from(StatedAddress address, uint64_t max_size) const {
    for (const Segment& segment : segments_) {
        if (segment.type != PT_LOAD || address < segment.address) continue;
        const uint64_t into = address - segment.address;
        if (into < segment.file_size)
            return at(address, std::min(max_size, segment.file_size - into));
    }
    return {};
}

bool ElfFile::copy_from(StatedAddress address, std::span<uint8_t> to) const {
    const auto offset = offset_of(address, to.size());
    return offset && contents_->copy(*offset, to);
}

std::optional<uint64_t> ElfFile::read_u64(StatedAddress address) const {
    return load<uint64_t>(at(address, sizeof(uint64_t)), 0);
}

std::optional<LoadBias> ElfFile::load_bias(MappedAddress mapped, FileOffset offset) const {
    const uint64_t page = largest_page_bytes(machine_);
    for (const bool want_code : {true, false}) {
        for (const Segment& segment : segments_) {
            const bool is_code = (segment.flags & PF_X) != 0;
            if (segment.type != PT_LOAD || is_code != want_code || segment.file_size == 0) continue;
            const uint64_t begin = segment.offset.value & ~(page - 1);
            const uint64_t end = segment.offset.value + segment.file_size;
            if (offset.value < begin || offset.value >= end) continue;
            const uint64_t stated = segment.address.value - segment.offset.value + offset.value;
            return LoadBias{mapped.value - stated};
        }
    }
    return std::nullopt;
}

std::optional<StatedAddress> ElfFile::to_stated(FileOffset offset) const {
    for (const Segment& segment : segments_) {
        if (segment.type != PT_LOAD || offset < segment.offset) continue;
        const uint64_t into = offset - segment.offset;
        if (into < segment.file_size) return segment.address + into;
    }
    return std::nullopt;
}

}  // namespace pyebpf::elf
