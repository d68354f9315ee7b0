// SPDX-License-Identifier: Apache-2.0
#include "elf/elf_file.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <link.h>
#include <sys/auxv.h>

#include <algorithm>
#include <cstring>

#include "elf/unwind_table.h"
#include "elf_builder.h"
#include "elf_test_files.h"

namespace pyebpf::elf {
namespace {

using testing::Contains;
using testing::HasSubstr;

// The file as a tool like sstrip leaves it: no section headers, only what the loader needs.
std::shared_ptr<const ElfFile> without_sections(const std::string& path) {
    std::vector<uint8_t> bytes = bytes_of(path);
    Elf64_Ehdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    header.e_shoff = 0;
    header.e_shnum = 0;
    header.e_shstrndx = 0;
    std::memcpy(bytes.data(), &header, sizeof header);
    return elf_of(std::move(bytes));
}

std::vector<std::string_view> names_of(const std::vector<Symbol>& symbols) {
    std::vector<std::string_view> names;
    for (const Symbol& symbol : symbols) names.push_back(symbol.name);
    return names;
}

TEST(ElfFile, ReadsHeaders) {
    const auto file = open_elf(test_path("tiny.so"));
    EXPECT_EQ(file->type(), ET_DYN);
    EXPECT_EQ(file->machine(), EM_X86_64);
    EXPECT_EQ(to_hex(file->build_id()), ELF_TEST_BUILD_ID);
    EXPECT_EQ(file->soname(), "libtiny.so.1");
    EXPECT_THAT(file->needed_libraries(), Contains("libc.so.6"));
    ASSERT_NE(file->section(".text"), nullptr);
    EXPECT_FALSE(file->section_bytes(*file->section(".text")).empty());
    EXPECT_EQ(file->section(".no_such_section"), nullptr);
}

TEST(ElfFile, HasNoBuildIdIfTheLinkerWroteNone) {
    EXPECT_TRUE(open_elf(test_path("tiny_sysv.so"))->build_id().empty());
}

TEST(ElfFile, IsReadThroughProgramHeadersIfSectionsAreMissing) {
    for (const char* name : {"tiny.so", "tiny_sysv.so"}) {
        const auto with = open_elf(test_path(name));
        const auto without = without_sections(test_path(name));
        EXPECT_TRUE(without->sections().empty());
        EXPECT_EQ(without->build_id(), with->build_id());
        EXPECT_EQ(without->soname(), with->soname());
        EXPECT_EQ(without->needed_libraries(), with->needed_libraries());
        const auto expected = with->find_symbol("exported_function");
        const auto found = without->find_symbol("exported_function");
        ASSERT_TRUE(expected && found) << name;
        EXPECT_EQ(found->address, expected->address);
        EXPECT_THAT(names_of(without->symbols()), Contains("weak_function"));
    }
}

TEST(ElfFile, FindsSymbolsThroughEitherHashTable) {
    for (const char* name : {"tiny.so", "tiny_sysv.so"}) {
        const auto file = open_elf(test_path(name));
        const auto function = file->find_symbol("exported_function");
        ASSERT_TRUE(function) << name;
        EXPECT_EQ(function->kind, SymbolKind::kFunction);
        EXPECT_TRUE(function->is_global);
        EXPECT_GT(function->size, 0U);
        const auto object = file->find_symbol("exported_object");
        ASSERT_TRUE(object) << name;
        EXPECT_EQ(object->kind, SymbolKind::kObject);
        EXPECT_EQ(object->size, sizeof(int));
        const auto bytes = file->at(object->address, object->size);
        ASSERT_EQ(bytes.size(), sizeof(int));
        EXPECT_EQ(bytes[0], 42);
        EXPECT_FALSE(file->find_symbol("no_such_symbol"));
        EXPECT_FALSE(file->find_symbol("malloc")) << "undefined symbols have no address";
    }
}

TEST(ElfFile, FindsLocalSymbolsInTheSymbolTable) {
    const auto file = open_elf(test_path("tiny.so"));
    const auto hidden = file->find_symbol("hidden_function");
    ASSERT_TRUE(hidden);
    EXPECT_FALSE(hidden->is_global);
    EXPECT_FALSE(open_elf(test_path("tiny_stripped.so"))->find_symbol("hidden_function"));
}

TEST(ElfFile, AgreesWithTheLoaderOnEverySymbol) {
    // Linear and hashed look-ups must find the same.
    const auto file = open_elf("/proc/self/exe");
    const std::vector<Symbol> symbols = file->symbols();
    ASSERT_GT(symbols.size(), 100U);
    size_t globals = 0;
    for (const Symbol& symbol : symbols) {
        if (!symbol.is_global || globals == 500) continue;
        ++globals;
        const auto found = file->find_symbol(symbol.name);
        ASSERT_TRUE(found) << symbol.name;
        EXPECT_EQ(found->address, symbol.address) << symbol.name;
    }
    EXPECT_GT(globals, 50U);
    EXPECT_TRUE(file->find_symbol("main"));
}

TEST(ElfFile, GivesThreadLocalSymbolsAsOffsets) {
    const auto file = open_elf(test_path("tiny.so"));
    const auto first = file->find_symbol("thread_local_first");
    const auto second = file->find_symbol("thread_local_second");
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->kind, SymbolKind::kThreadLocal);
    EXPECT_LT(first->address.value, 8U);
    EXPECT_EQ(first->address.value ^ second->address.value, 4U);
}

TEST(ElfFile, FindsTheRelocationThatFillsASlot) {
    const auto file = open_elf(test_path("tiny.so"));
    const Section* table = file->section(".rela.dyn");
    ASSERT_NE(table, nullptr);
    const auto bytes = file->section_bytes(*table);
    size_t thread_local_slots = 0;
    for (size_t offset = 0; offset + sizeof(Elf64_Rela) <= bytes.size();
         offset += sizeof(Elf64_Rela)) {
        Elf64_Rela entry;
        std::memcpy(&entry, bytes.data() + offset, sizeof entry);
        const auto found = file->relocation_at({entry.r_offset});
        ASSERT_TRUE(found);
        EXPECT_EQ(found->type, ELF64_R_TYPE(entry.r_info));
        EXPECT_EQ(found->symbol, ELF64_R_SYM(entry.r_info));
        EXPECT_EQ(found->addend, entry.r_addend);
        if (found->type == R_X86_64_DTPMOD64) ++thread_local_slots;
    }
    EXPECT_GT(thread_local_slots, 0U);
    EXPECT_FALSE(file->relocation_at({1}));
}

TEST(ElfFile, ReadsTheDebugLink) {
    const auto file = open_elf(test_path("tiny_stripped.so"));
    const auto link = file->debug_link();
    ASSERT_TRUE(link);
    EXPECT_EQ(link->file, "tiny.debug");
    uint32_t crc = ~0U;  // CRC-32 of the debug file, bit by bit
    for (const uint8_t byte : bytes_of(test_path("tiny.debug"))) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320U : 0);
    }
    EXPECT_EQ(link->crc, ~crc);
    EXPECT_FALSE(open_elf(test_path("tiny.so"))->debug_link());
}

TEST(ElfFile, UnpacksMiniDebugInfo) {
    const auto stripped = open_elf(test_path("tiny_stripped.so"));
    const auto mini = stripped->mini_debug_info();
    ASSERT_NE(mini, nullptr);
    EXPECT_EQ(mini->build_id(), stripped->build_id());
    const auto hidden = mini->find_symbol("hidden_function");
    ASSERT_TRUE(hidden);
    EXPECT_EQ(hidden->address,
              open_elf(test_path("tiny.so"))->find_symbol("hidden_function")->address);
    EXPECT_EQ(open_elf(test_path("tiny.so"))->mini_debug_info(), nullptr);
}

TEST(ElfFile, ADynamicSectionWithoutContentsIsNotReadThroughItsSegment) {
    // Files of debug information made by elfutils keep the program headers as they were, which then
    // point at anything.
    std::vector<uint8_t> bytes = bytes_of(test_path("tiny.so"));
    Elf64_Ehdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    size_t changed = 0;
    for (size_t i = 0; i < header.e_shnum; ++i) {
        uint8_t* at = bytes.data() + header.e_shoff + i * sizeof(Elf64_Shdr);
        Elf64_Shdr section;
        std::memcpy(&section, at, sizeof section);
        if (section.sh_type != SHT_DYNAMIC) continue;
        ++changed;
        section.sh_type = SHT_NOBITS;
        std::memcpy(at, &section, sizeof section);
    }
    ASSERT_EQ(changed, 1U);
    const auto file = elf_of(std::move(bytes));
    EXPECT_TRUE(file->needed_libraries().empty());
    EXPECT_TRUE(file->soname().empty());
    EXPECT_TRUE(file->find_symbol("exported_function"));
}

TEST(ElfFile, LoadBiasIsWhatTheLoaderUsed) {
    const auto file = open_elf("/proc/self/exe");
    ElfW(Addr) expected = 0;
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* out) {
            *static_cast<ElfW(Addr)*>(out) = info->dlpi_addr;
            return 1;  // the program itself comes first
        },
        &expected);
    for (const Segment& segment : file->segments()) {
        if (segment.type != PT_LOAD || (segment.flags & PF_X) == 0) continue;
        const uint64_t page_start = segment.address.value & ~uint64_t{4095};
        const uint64_t offset_start = segment.offset.value & ~uint64_t{4095};
        const auto bias = file->load_bias({page_start + expected}, {offset_start});
        ASSERT_TRUE(bias);
        EXPECT_EQ(bias->value, expected);
    }
    EXPECT_FALSE(file->load_bias({0x1000}, {uint64_t{1} << 40}));
}

TEST(ElfFile, LoadBiasOfCodeIsNotTakenFromDataInTheSamePage) {
    // The file's page at 0x1000 is mapped twice: its first half is code, its second half data of
    // another address.
    const auto file = elf_of(
        ElfBuilder(0x3000).code_is(0x1000, 0x800).segment(PT_LOAD, 0x1800, 0x800, 0x4000).build());
    const auto bias = file->load_bias({0x7f0000001000}, {0x1000});
    ASSERT_TRUE(bias);
    EXPECT_EQ(bias->value, 0x7f0000000000U);
    EXPECT_EQ(file->to_stated({0x1800})->value, 0x5800U);
    EXPECT_EQ(file->to_stated({0x1008})->value, 0x1008U);
    EXPECT_FALSE(file->to_stated({0x2000}));
}

TEST(ElfFile, ReadsTheVdsoFromMemory) {
    const unsigned long mapped = ::getauxval(AT_SYSINFO_EHDR);
    ASSERT_NE(mapped, 0U);
    Elf64_Ehdr header;
    std::memcpy(&header, reinterpret_cast<const void*>(mapped), sizeof header);
    const uint64_t size = header.e_shoff + uint64_t{header.e_shnum} * sizeof(Elf64_Shdr);
    const auto* begin = reinterpret_cast<const uint8_t*>(mapped);
    const auto file = elf_of({begin, begin + size});
    EXPECT_FALSE(file->build_id().empty());
    const auto symbol = file->find_symbol("__vdso_clock_gettime");
    ASSERT_TRUE(symbol);
    const auto tables = compile_unwind_tables(*file);
    ASSERT_TRUE(tables);
    ASSERT_EQ(tables->size(), 1U);
    EXPECT_EQ(tables->front().lookup(symbol->address)->cfa_kind, CFA_RSP);
}

TEST(ElfFile, TranslatesOffsetsToStatedAddresses) {
    const auto file = open_elf(test_path("tiny.so"));
    const Section* data = file->section(".data");
    ASSERT_NE(data, nullptr);
    const auto stated = file->to_stated(data->offset);
    ASSERT_TRUE(stated);
    EXPECT_EQ(*stated, data->address);
    EXPECT_NE(data->address.value, data->offset.value)
        << "the test needs a segment that is displaced";
    EXPECT_FALSE(file->to_stated({uint64_t{1} << 40}));
}

TEST(ElfFile, ReadsOnlyWhatASegmentCovers) {
    const auto file = open_elf(test_path("tiny.so"));
    EXPECT_TRUE(file->read_u64({0}));
    EXPECT_FALSE(file->read_u64({UINT64_MAX - 3}));
    EXPECT_TRUE(file->at({0}, uint64_t{1} << 40).empty());
    EXPECT_TRUE(file->at({UINT64_MAX}, 2).empty());
}

TEST(ElfFile, RefusesWhatItCannotRead) {
    const auto message_for = [](std::vector<uint8_t> bytes) {
        const auto file = ElfFile::from_bytes(std::move(bytes), "x");
        return file ? std::string("accepted") : file.error().message;
    };
    EXPECT_EQ(message_for({}), "x: not an ELF file");
    EXPECT_EQ(message_for(std::vector<uint8_t>(64)), "x: not an ELF file");
    std::vector<uint8_t> bytes = bytes_of(test_path("tiny.so"));
    bytes[EI_CLASS] = ELFCLASS32;
    EXPECT_EQ(message_for(bytes), "x: not a 64-bit little-endian ELF file");
    bytes[EI_CLASS] = ELFCLASS64;
    bytes[offsetof(Elf64_Ehdr, e_machine)] = EM_386;
    EXPECT_THAT(message_for(bytes), HasSubstr("neither x86-64 nor aarch64"));
    EXPECT_THAT(ElfFile::open("/no/such/file").error().message, HasSubstr("/no/such/file"));
}

}  // namespace
}  // namespace pyebpf::elf
