// SPDX-License-Identifier: Apache-2.0
// ElfBuilder makes small ELF images whose contents are laid out by hand: one executable PT_LOAD
// segment in which stated addresses equal file offsets, and sections within it.
#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace pyebpf::elf {

// Bytes in the order they are written.
class ByteWriter {
  public:
    template <class T>
    ByteWriter& put(T value) {
        return append(&value, sizeof value);
    }
    ByteWriter& put_all(const std::vector<uint8_t>& bytes) {
        return append(bytes.data(), bytes.size());
    }
    ByteWriter& text(const std::string& text) { return append(text.c_str(), text.size() + 1); }
    [[nodiscard]] size_t size() const { return bytes_.size(); }
    [[nodiscard]] const std::vector<uint8_t>& bytes() const { return bytes_; }

  private:
    ByteWriter& append(const void* begin, size_t size) {
        if (size == 0) return *this;
        const size_t end = bytes_.size();
        bytes_.resize(end + size);
        std::memcpy(bytes_.data() + end, begin, size);
        return *this;
    }

    std::vector<uint8_t> bytes_;
};

class ElfBuilder {
  public:
    explicit ElfBuilder(uint64_t size) : image_(size), code_size_(size) {}

    ElfBuilder& machine(uint16_t machine) {
        machine_ = machine;
        return *this;
    }
    ElfBuilder& entry(uint64_t address) {
        entry_ = address;
        return *this;
    }
    ElfBuilder& section(const std::string& name, uint64_t address,
                        const std::vector<uint8_t>& bytes) {
        std::memcpy(image_.data() + address, bytes.data(), bytes.size());
        sections_.push_back({name, address, bytes.size()});
        return *this;
    }
    // Bytes without a section header.
    ElfBuilder& bytes_at(uint64_t address, const std::vector<uint8_t>& bytes) {
        std::memcpy(image_.data() + address, bytes.data(), bytes.size());
        return *this;
    }
    // A segment that is not executable, with stated addresses that are its offsets + displacement.
    ElfBuilder& segment(uint32_t type, uint64_t offset, uint64_t size, uint64_t displacement = 0) {
        segments_.push_back({.p_type = type,
                             .p_flags = PF_R,
                             .p_offset = offset,
                             .p_vaddr = offset + displacement,
                             .p_paddr = offset + displacement,
                             .p_filesz = size,
                             .p_memsz = size,
                             .p_align = 8});
        return *this;
    }
    // Restricts the executable segment, which otherwise is the whole image.
    ElfBuilder& code_is(uint64_t offset, uint64_t size) {
        code_offset_ = offset;
        code_size_ = size;
        return *this;
    }

    [[nodiscard]] std::vector<uint8_t> build() const {
        std::vector<uint8_t> image = image_;
        std::vector<Elf64_Phdr> segments = segments_;
        segments.push_back({.p_type = PT_LOAD,
                            .p_flags = PF_R | PF_X,
                            .p_offset = code_offset_,
                            .p_vaddr = code_offset_,
                            .p_paddr = code_offset_,
                            .p_filesz = code_size_,
                            .p_memsz = code_size_,
                            .p_align = 4096});
        Elf64_Ehdr header = {};
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_ident[EI_VERSION] = EV_CURRENT;
        header.e_type = ET_DYN;
        header.e_machine = machine_;
        header.e_entry = entry_;
        header.e_phoff = sizeof header;
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_phnum = static_cast<uint16_t>(segments.size());
        std::memcpy(image.data() + sizeof header, segments.data(),
                    segments.size() * sizeof(Elf64_Phdr));
        if (!sections_.empty()) append_sections(header, image);
        std::memcpy(image.data(), &header, sizeof header);
        return image;
    }

  private:
    struct NamedRange {
        std::string name;
        uint64_t address;
        uint64_t size;
    };

    void append_sections(Elf64_Ehdr& header, std::vector<uint8_t>& image) const {
        std::string names(1, '\0');
        std::vector<Elf64_Shdr> headers(1);
        for (const NamedRange& range : sections_) {
            Elf64_Shdr section = {};
            section.sh_name = static_cast<uint32_t>(names.size());
            section.sh_type = SHT_PROGBITS;
            section.sh_flags = SHF_ALLOC;
            section.sh_addr = range.name == ".debug_frame" ? 0 : range.address;
            section.sh_offset = range.address;
            section.sh_size = range.size;
            headers.push_back(section);
            names += range.name + '\0';
        }
        Elf64_Shdr strings = {};
        strings.sh_type = SHT_STRTAB;
        strings.sh_offset = image.size();
        strings.sh_size = names.size();
        headers.push_back(strings);
        image.insert(image.end(), names.begin(), names.end());
        header.e_shoff = image.size();
        header.e_shentsize = sizeof(Elf64_Shdr);
        header.e_shnum = static_cast<uint16_t>(headers.size());
        header.e_shstrndx = static_cast<uint16_t>(headers.size() - 1);
        const auto* begin = reinterpret_cast<const uint8_t*>(headers.data());
        image.insert(image.end(), begin, begin + headers.size() * sizeof(Elf64_Shdr));
    }

    std::vector<uint8_t> image_;
    std::vector<NamedRange> sections_;
    std::vector<Elf64_Phdr> segments_;
    uint64_t code_offset_ = 0;
    uint64_t code_size_;
    uint64_t entry_ = 0;
    uint16_t machine_ = EM_X86_64;
};

}  // namespace pyebpf::elf
