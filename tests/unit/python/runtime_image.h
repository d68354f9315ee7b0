// SPDX-License-Identifier: Apache-2.0
// Builds small ELF images that look like a CPython runtime: one readable, writable and executable
// segment, a symbol table, dynamic relocations and thread-local storage.
#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "elf/elf_file.h"

namespace pyebpf::python {

class RuntimeImage {
  public:
    static constexpr uint64_t kBase = 0x400000;

    // Appends bytes and gives their stated address.
    uint64_t add(const std::vector<uint8_t>& bytes, size_t alignment = 16) {
        image_.resize((image_.size() + alignment - 1) / alignment * alignment);
        const uint64_t address = kBase + image_.size();
        image_.insert(image_.end(), bytes.begin(), bytes.end());
        return address;
    }
    uint64_t add_zeros(size_t size) { return add(std::vector<uint8_t>(size)); }
    uint64_t add_text(const std::string& text) {
        return add(std::vector<uint8_t>(text.c_str(), text.c_str() + text.size() + 1), 1);
    }
    template <class T>
    RuntimeImage& set(uint64_t address, T value) {
        std::memcpy(image_.data() + (address - kBase), &value, sizeof(value));
        return *this;
    }
    // The address that the next add() will give.
    [[nodiscard]] uint64_t next(size_t alignment = 16) const {
        return kBase + (image_.size() + alignment - 1) / alignment * alignment;
    }

    RuntimeImage& symbol(const std::string& name, uint64_t address, uint64_t size = 0) {
        Elf64_Sym one{};
        one.st_name = static_cast<uint32_t>(symbol_names_.size());
        one.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
        one.st_shndx = 1;
        one.st_value = address;
        one.st_size = size;
        symbols_.push_back(one);
        symbol_names_ += name + '\0';
        return *this;
    }
    RuntimeImage& relocation(uint64_t slot, uint32_t type, int64_t addend) {
        relocations_.push_back(
            {.r_offset = slot, .r_info = ELF64_R_INFO(0, type), .r_addend = addend});
        return *this;
    }
    RuntimeImage& section(const std::string& name, uint64_t address, uint64_t size) {
        sections_.push_back({.name = name, .address = address, .size = size});
        return *this;
    }
    RuntimeImage& tls(uint64_t size, uint64_t alignment = 8) {
        tls_size_ = size;
        tls_alignment_ = alignment;
        return *this;
    }
    RuntimeImage& machine(uint16_t machine) {
        machine_ = machine;
        return *this;
    }

    [[nodiscard]] std::shared_ptr<const elf::ElfFile> build() const {
        std::vector<uint8_t> file = image_;
        const auto append = [&file](const void* bytes, size_t size) {
            file.resize((file.size() + 7) / 8 * 8);
            const uint64_t offset = file.size();
            const auto* begin = static_cast<const uint8_t*>(bytes);
            file.insert(file.end(), begin, begin + size);
            return offset;
        };
        const uint64_t relocations =
            append(relocations_.data(), relocations_.size() * sizeof(Elf64_Rela));
        const Elf64_Dyn dynamic[] = {
            {.d_tag = DT_RELA, .d_un = {kBase + relocations}},
            {.d_tag = DT_RELASZ, .d_un = {relocations_.size() * sizeof(Elf64_Rela)}},
            {.d_tag = DT_RELAENT, .d_un = {sizeof(Elf64_Rela)}},
            {.d_tag = DT_NULL, .d_un = {0}},
        };
        const uint64_t dynamic_offset = append(dynamic, sizeof(dynamic));
        const uint64_t symbols = append(symbols_.data(), symbols_.size() * sizeof(Elf64_Sym));
        const uint64_t symbol_names = append(symbol_names_.data(), symbol_names_.size());

        std::string names(1, '\0');
        std::vector<Elf64_Shdr> headers(1);
        const auto add_header = [&](const std::string& name, Elf64_Shdr header) {
            header.sh_name = static_cast<uint32_t>(names.size());
            names += name + '\0';
            headers.push_back(header);
        };
        for (const NamedRange& range : sections_) {
            add_header(range.name, {.sh_type = SHT_PROGBITS,
                                    .sh_flags = SHF_ALLOC,
                                    .sh_addr = range.address,
                                    .sh_offset = range.address - kBase,
                                    .sh_size = range.size});
        }
        const auto strings_index = static_cast<uint32_t>(headers.size() + 1);
        add_header(".symtab", {.sh_type = SHT_SYMTAB,
                               .sh_offset = symbols,
                               .sh_size = symbols_.size() * sizeof(Elf64_Sym),
                               .sh_link = strings_index,
                               .sh_entsize = sizeof(Elf64_Sym)});
        add_header(
            ".strtab",
            {.sh_type = SHT_STRTAB, .sh_offset = symbol_names, .sh_size = symbol_names_.size()});
        names += std::string(".shstrtab") + '\0';
        const uint64_t names_offset = append(names.data(), names.size());
        headers.push_back({.sh_name = static_cast<uint32_t>(names.size() - 10),
                           .sh_type = SHT_STRTAB,
                           .sh_offset = names_offset,
                           .sh_size = names.size()});
        const uint64_t headers_offset = append(headers.data(), headers.size() * sizeof(Elf64_Shdr));

        const Elf64_Phdr segments[] = {
            {.p_type = PT_LOAD,
             .p_flags = PF_R | PF_W | PF_X,
             .p_offset = 0,
             .p_vaddr = kBase,
             .p_paddr = kBase,
             .p_filesz = file.size(),
             .p_memsz = file.size(),
             .p_align = 4096},
            {.p_type = PT_DYNAMIC,
             .p_flags = PF_R,
             .p_offset = dynamic_offset,
             .p_vaddr = kBase + dynamic_offset,
             .p_paddr = kBase + dynamic_offset,
             .p_filesz = sizeof(dynamic),
             .p_memsz = sizeof(dynamic),
             .p_align = 8},
            {.p_type = PT_TLS,
             .p_flags = PF_R,
             .p_offset = 0,
             .p_vaddr = kBase,
             .p_paddr = kBase,
             .p_filesz = 0,
             .p_memsz = tls_size_,
             .p_align = tls_alignment_},
        };
        Elf64_Ehdr header{};
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_ident[EI_VERSION] = EV_CURRENT;
        header.e_type = ET_DYN;
        header.e_machine = machine_;
        header.e_version = EV_CURRENT;
        header.e_phoff = sizeof(header);
        header.e_ehsize = sizeof(header);
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_phnum = tls_size_ == 0 ? 2 : 3;
        header.e_shoff = headers_offset;
        header.e_shentsize = sizeof(Elf64_Shdr);
        header.e_shnum = static_cast<uint16_t>(headers.size());
        header.e_shstrndx = static_cast<uint16_t>(headers.size() - 1);
        std::memcpy(file.data(), &header, sizeof(header));
        std::memcpy(file.data() + sizeof(header), segments, sizeof(segments));

        auto opened = elf::ElfFile::from_bytes(std::move(file), "image");
        if (!opened) throw std::runtime_error(opened.error().message);
        return *opened;
    }

  private:
    struct NamedRange {
        std::string name;
        uint64_t address;
        uint64_t size;
    };

    // Begins with room for the ELF header and program headers.
    std::vector<uint8_t> image_ = std::vector<uint8_t>(512);
    std::vector<Elf64_Sym> symbols_ = std::vector<Elf64_Sym>(1);
    std::string symbol_names_ = std::string(1, '\0');
    std::vector<Elf64_Rela> relocations_;
    std::vector<NamedRange> sections_;
    uint64_t tls_size_ = 0;
    uint64_t tls_alignment_ = 8;
    uint16_t machine_ = EM_X86_64;
};

}  // namespace pyebpf::python
