// SPDX-License-Identifier: Apache-2.0
#include "elf_image.h"

#include <elf.h>

#include <cstring>

namespace pyebpf::test {
namespace {

void append(std::vector<uint8_t>& out, const void* data, size_t size) {
    const auto* bytes = static_cast<const uint8_t*>(data);
    out.insert(out.end(), bytes, bytes + size);
}

class Writer {
  public:
    Writer() {
        image_.resize(sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr));
        sections_.push_back({});
    }

    uint32_t add(const std::string& name, Elf64_Shdr section, const std::vector<uint8_t>& bytes) {
        image_.resize((image_.size() + 7) & ~size_t{7});
        section.sh_name = static_cast<Elf64_Word>(names_.size());
        names_ += name + '\0';
        section.sh_offset = image_.size();
        if (section.sh_type != SHT_NOBITS) {
            section.sh_size = bytes.size();
            append(image_, bytes.data(), bytes.size());
        }
        section.sh_addralign = 1;
        sections_.push_back(section);
        return static_cast<uint32_t>(sections_.size() - 1);
    }

    void add_symbols(const std::string& name, uint32_t type, uint32_t text,
                     const std::vector<ImageSymbol>& symbols) {
        if (symbols.empty()) return;
        std::string strings(1, '\0');
        std::vector<uint8_t> entries(sizeof(Elf64_Sym));
        for (const ImageSymbol& symbol : symbols) {
            Elf64_Sym entry{};
            entry.st_name = static_cast<Elf64_Word>(strings.size());
            entry.st_info = static_cast<unsigned char>(ELF64_ST_INFO(symbol.binding, symbol.type));
            entry.st_shndx = static_cast<Elf64_Half>(text);
            entry.st_value = symbol.address;
            entry.st_size = symbol.size;
            append(entries, &entry, sizeof entry);
            strings += symbol.name + '\0';
        }
        const uint32_t link = add(name + "str", {.sh_type = SHT_STRTAB}, to_bytes(strings));
        add(name, {.sh_type = type, .sh_link = link, .sh_entsize = sizeof(Elf64_Sym)}, entries);
    }

    std::vector<uint8_t> finish(const Image& image) {
        const uint32_t names = static_cast<uint32_t>(sections_.size());
        const std::string own_name = ".shstrtab";
        const std::string all_names = names_ + own_name + '\0';
        add(own_name, {.sh_type = SHT_STRTAB}, to_bytes(all_names));
        image_.resize((image_.size() + 7) & ~size_t{7});

        Elf64_Ehdr header{};
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_ident[EI_VERSION] = EV_CURRENT;
        header.e_type = ET_DYN;
        header.e_machine = EM_X86_64;
        header.e_version = EV_CURRENT;
        header.e_phoff = sizeof header;
        header.e_shoff = image_.size();
        header.e_ehsize = sizeof header;
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_phnum = 1;
        header.e_shentsize = sizeof(Elf64_Shdr);
        header.e_shnum = static_cast<Elf64_Half>(sections_.size());
        header.e_shstrndx = static_cast<Elf64_Half>(names);
        std::memcpy(image_.data(), &header, sizeof header);
        const Elf64_Phdr segment{.p_type = PT_LOAD,
                                 .p_flags = PF_R | PF_X,
                                 .p_offset = 0,
                                 .p_vaddr = image.text_address,
                                 .p_paddr = 0,
                                 .p_filesz = 0,
                                 .p_memsz = image.text_size,
                                 .p_align = 0x1000};
        std::memcpy(&image_[sizeof header], &segment, sizeof segment);
        append(image_, sections_.data(), sections_.size() * sizeof(Elf64_Shdr));
        return image_;
    }

  private:
    std::vector<uint8_t> image_;
    std::vector<Elf64_Shdr> sections_;
    std::string names_ = std::string(1, '\0');
};

}  // namespace

std::vector<uint8_t> make_elf(const Image& image) {
    Writer writer;
    const uint32_t text = writer.add(".text",
                                     {.sh_type = SHT_NOBITS,
                                      .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
                                      .sh_addr = image.text_address,
                                      .sh_size = image.text_size},
                                     {});
    if (!image.build_id.empty()) {
        const Elf64_Nhdr note{4, static_cast<Elf64_Word>(image.build_id.size()), NT_GNU_BUILD_ID};
        std::vector<uint8_t> bytes;
        append(bytes, &note, sizeof note);
        append(bytes, "GNU", 4);
        append(bytes, image.build_id.data(), image.build_id.size());
        bytes.resize((bytes.size() + 3) & ~size_t{3});
        writer.add(".note.gnu.build-id", {.sh_type = SHT_NOTE, .sh_flags = SHF_ALLOC}, bytes);
    }
    writer.add_symbols(".symtab", SHT_SYMTAB, text, image.symtab);
    writer.add_symbols(".dynsym", SHT_DYNSYM, text, image.dynsym);
    for (const ImageSection& section : image.extra) {
        writer.add(section.name, {.sh_type = SHT_PROGBITS, .sh_flags = section.flags},
                   section.bytes);
    }
    return writer.finish(image);
}

std::shared_ptr<const elf::ElfFile> open_elf(const Image& image, std::string name) {
    auto file = elf::ElfFile::from_bytes(make_elf(image), std::move(name));
    return file ? *file : nullptr;
}

}  // namespace pyebpf::test
