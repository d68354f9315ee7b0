// SPDX-License-Identifier: Apache-2.0
#include "symbolize/file_symbols.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <random>

#include "elf_image.h"

namespace pyebpf::symbolize {
namespace {

using test::Image;
using test::open_elf;

std::string name_at(const FileSymbols& symbols, uint64_t address) {
    const auto found = symbols.lookup({address});
    return found ? std::string(found->name) : unknown_name(found.error());
}

TEST(FileSymbols, SizedSymbolsEndWhereTheySay) {
    const FileSymbols symbols(open_elf({.symtab = {{"f", 0x1100, 0x10}, {"g", 0x1120, 0x20}}}));
    EXPECT_EQ(name_at(symbols, 0x10ff), "[unknown: no symbol here]");
    EXPECT_EQ(name_at(symbols, 0x1100), "f");
    EXPECT_EQ(name_at(symbols, 0x110f), "f");
    EXPECT_EQ(name_at(symbols, 0x1110), "[unknown: no symbol here]");
    EXPECT_EQ(name_at(symbols, 0x1130), "g");
    const auto found = symbols.lookup({0x1130});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->start, StatedAddress{0x1120});
    EXPECT_EQ(found->size, 0x20u);
}

TEST(FileSymbols, NoSymbolsIsAReasonOfItsOwn) {
    const FileSymbols symbols(open_elf({}));
    EXPECT_EQ(symbols.lookup({0x1100}).error(), NoName::kNoSymbols);
}

TEST(FileSymbols, UnsizedSymbolsReachToTheNextOrTheEndOfTheSection) {
    const FileSymbols symbols(open_elf({.symtab = {{"a", 0x1100, 0}, {"b", 0x1200, 0}}}));
    EXPECT_EQ(name_at(symbols, 0x11ff), "a");
    EXPECT_EQ(name_at(symbols, 0x1fff), "b");
    EXPECT_EQ(name_at(symbols, 0x2000), "[unknown: no symbol here]");
}

TEST(FileSymbols, InnerSymbolWinsAndOuterResumesBehindIt) {
    const FileSymbols symbols(
        open_elf({.symtab = {{"outer", 0x1100, 0x100}, {"inner", 0x1140, 0x10}}}));
    EXPECT_EQ(name_at(symbols, 0x113f), "outer");
    EXPECT_EQ(name_at(symbols, 0x1140), "inner");
    EXPECT_EQ(name_at(symbols, 0x1150), "outer");
    EXPECT_EQ(name_at(symbols, 0x11ff), "outer");
}

TEST(FileSymbols, FunctionBeatsLabelAndGlobalBeatsLocal) {
    const FileSymbols symbols(open_elf({.symtab = {{"label", 0x1100, 0, STT_NOTYPE},
                                                   {"local", 0x1100, 8, STT_FUNC, STB_LOCAL},
                                                   {"global", 0x1100, 8},
                                                   {"local2", 0x1200, 8, STT_FUNC, STB_LOCAL},
                                                   {"label2", 0x1200, 0, STT_NOTYPE}}}));
    EXPECT_EQ(name_at(symbols, 0x1104), "global");
    EXPECT_EQ(name_at(symbols, 0x1204), "local2");
    EXPECT_EQ(symbols.size(), 2u);
}

TEST(FileSymbols, OfAliasesTheFamiliarNameWins) {
    const FileSymbols symbols(open_elf({.symtab = {{"__libc_malloc", 0x1100, 8},
                                                   {"malloc@@GLIBC_2.2.5", 0x1100, 8},
                                                   {"__malloc", 0x1100, 8}}}));
    EXPECT_EQ(name_at(symbols, 0x1100), "malloc");
}

TEST(FileSymbols, LabelsInsideFunctionsAndMarksAreNotFunctions) {
    const FileSymbols symbols(open_elf({.symtab = {{"f", 0x1100, 0x100},
                                                   {"loop", 0x1110, 0, STT_NOTYPE},
                                                   {"$x", 0x1120, 0, STT_NOTYPE},
                                                   {"$d.7", 0x1400, 0, STT_NOTYPE},
                                                   {".L12", 0x1410, 0, STT_NOTYPE},
                                                   {"data", 0x1420, 8, STT_OBJECT},
                                                   {"elsewhere", 0x5000, 8}}}));
    EXPECT_EQ(name_at(symbols, 0x1118), "f");
    EXPECT_EQ(name_at(symbols, 0x1128), "f");
    EXPECT_EQ(symbols.size(), 1u);
}

TEST(FileSymbols, DynamicAndDebugSymbolsAreMerged) {
    const auto file = open_elf({.dynsym = {{"exported", 0x1100, 0x10}}});
    const auto debug = open_elf(
        {.symtab = {{"exported", 0x1100, 0x10}, {"internal", 0x1200, 0x10, STT_FUNC, STB_LOCAL}}});
    const FileSymbols without(file);
    EXPECT_EQ(name_at(without, 0x1100), "exported");
    EXPECT_EQ(name_at(without, 0x1200), "[unknown: no symbol here]");
    const FileSymbols with(file, debug);
    EXPECT_EQ(name_at(with, 0x1100), "exported");
    EXPECT_EQ(name_at(with, 0x1200), "internal");
    EXPECT_EQ(with.size(), 2u);
}

TEST(FileSymbols, AbsurdSizesAreBoundedToTheSection) {
    const FileSymbols symbols(
        open_elf({.symtab = {{"f", 0x1100, UINT64_MAX}, {"g", 0x1f00, UINT64_MAX - 0x1e00}}}));
    EXPECT_EQ(name_at(symbols, 0x1eff), "f");
    EXPECT_EQ(name_at(symbols, 0x1fff), "g");
    EXPECT_EQ(name_at(symbols, 0x2000), "[unknown: no symbol here]");
    EXPECT_EQ(name_at(symbols, UINT64_MAX), "[unknown: no symbol here]");
}

TEST(FileSymbols, DeepNestingIsCut) {
    Image image;
    for (uint64_t i = 0; i < 1000; ++i)
        image.symtab.push_back({"n" + std::to_string(i), 0x1000 + i, 0x1000 - 2 * i});
    const FileSymbols symbols(open_elf(image));
    EXPECT_LE(symbols.size(), 8u);
    EXPECT_EQ(name_at(symbols, 0x1003), "n3");
}

// Against the definition: the latest-starting symbol that contains the address.
TEST(FileSymbols, AgreesWithALinearSearch) {
    std::mt19937 random(7);
    for (int round = 0; round < 50; ++round) {
        Image image;
        uint64_t at = 0x1000;
        while (at < 0x1f00) {
            const uint64_t size = 1 + random() % 64;
            image.symtab.push_back({"s" + std::to_string(at), at, size});
            if (size > 8 && random() % 3 == 0)
                image.symtab.push_back({"i" + std::to_string(at), at + 2, size / 2});
            at += size + random() % 16;
        }
        const FileSymbols symbols(open_elf(image));
        for (uint64_t address = 0xff0; address < 0x2010; ++address) {
            std::string expected = "[unknown: no symbol here]";
            uint64_t best = 0;
            for (const auto& symbol : image.symtab) {
                const bool contains =
                    address >= symbol.address && address - symbol.address < symbol.size;
                if (contains && symbol.address >= best) {
                    best = symbol.address;
                    expected = symbol.name;
                }
            }
            ASSERT_EQ(name_at(symbols, address), expected) << std::hex << address;
        }
    }
}

TEST(FileSymbols, DamagedFilesDoNotCrash) {
    const std::vector<uint8_t> good =
        test::make_elf({.build_id = {1, 2, 3, 4},
                        .symtab = {{"f", 0x1100, 0x10}, {"g", 0x1120, 0}},
                        .dynsym = {{"h", 0x1200, 4}}});
    std::mt19937 random(11);
    size_t opened = 0;
    for (int round = 0; round < 20000; ++round) {
        std::vector<uint8_t> bytes = good;
        for (unsigned flips = 1 + random() % 4; flips > 0; --flips) {
            bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
        }
        const auto file = elf::ElfFile::from_bytes(std::move(bytes), "damaged");
        if (!file) continue;
        ++opened;
        const FileSymbols symbols(*file);
        for (uint64_t address : {0x0, 0x1100, 0x1125, 0x1200, 0x1fff}) {
            if (const auto found = symbols.lookup({address})) {
                EXPECT_LT(address - found->start.value, found->size);
            }
        }
    }
    EXPECT_GT(opened, 10000u);
}

}  // namespace
}  // namespace pyebpf::symbolize
