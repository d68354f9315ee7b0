// SPDX-License-Identifier: Apache-2.0
#include "symbolize/kernel_symbols.h"

#include <gtest/gtest.h>

#include <random>

namespace pyebpf::symbolize {
namespace {

constexpr std::string_view kText =
    "ffffffff81000000 T _stext\n"
    "ffffffff81000000 T _text\n"
    "ffffffff81000000 T startup_64\n"
    "ffffffff81000100 t do_one\n"
    "ffffffff81000200 W weak_one\n"
    "ffffffff81000300 T _etext\n"
    "ffffffff82000000 D jiffies\n"
    "0000000000000000 A fixed_percpu_data\n"
    "ffffffffa0000000 t ext4_readdir\t[ext4]\n"
    "ffffffffa0001000 d ext4_table\t[ext4]\n"
    "ffffffffc0000000 t bpf_prog_6deef7357e7b4530_sd_fw_egress\t[bpf]\n";

std::string name_at(const KernelSymbols& symbols, uint64_t address) {
    const auto found = symbols.lookup(address);
    if (!found) return unknown_name(found.error());
    std::string text(found->name);
    if (!found->module.empty()) text += " [" + std::string(found->module) + "]";
    return text;
}

TEST(KernelSymbols, NamesKernelModuleAndBpfFunctions) {
    const KernelSymbols symbols = KernelSymbols::parse(kText);
    EXPECT_EQ(symbols.malformed_lines(), 0u);
    EXPECT_EQ(name_at(symbols, 0xffffffff81000000), "startup_64");
    EXPECT_EQ(name_at(symbols, 0xffffffff810001ff), "do_one");
    EXPECT_EQ(name_at(symbols, 0xffffffff81000234), "weak_one");
    EXPECT_EQ(name_at(symbols, 0xffffffffa0000fff), "ext4_readdir [ext4]");
    EXPECT_EQ(name_at(symbols, 0xffffffffc0000010), "bpf_prog_6deef7357e7b4530_sd_fw_egress [bpf]");
    EXPECT_EQ(symbols.lookup(0xffffffff81000234)->start, 0xffffffff81000200u);
}

TEST(KernelSymbols, DataMarksAndHolesHaveNoName) {
    const KernelSymbols symbols = KernelSymbols::parse(kText);
    EXPECT_EQ(symbols.lookup(0xffffffff81000300).error(), NoName::kOutsideKernel);  // _etext
    EXPECT_EQ(symbols.lookup(0xffffffff82000000).error(), NoName::kOutsideKernel);
    EXPECT_EQ(symbols.lookup(0xffffffffa0001004).error(), NoName::kOutsideKernel);
    EXPECT_EQ(symbols.lookup(0xffffffffc1000000).error(),
              NoName::kOutsideKernel);  // 16 MiB behind the last
    EXPECT_EQ(symbols.lookup(0x1000).error(), NoName::kOutsideKernel);
}

TEST(KernelSymbols, ZeroAddressesMeanHidden) {
    const KernelSymbols symbols =
        KernelSymbols::parse("0000000000000000 T _text\n0000000000000000 t f\t[m]\n");
    EXPECT_EQ(symbols.lookup(0xffffffff81000000).error(), NoName::kKernelHidden);
    EXPECT_EQ(KernelSymbols::parse("").lookup(1).error(), NoName::kOutsideKernel);
}

TEST(KernelSymbols, MalformedLinesAreCounted) {
    const KernelSymbols symbols = KernelSymbols::parse(
        "ffffffff81000000 T good\n"
        "\n"
        "nonsense\n"
        "ffffffff81000010\n"
        "ffffffff81000010 T \n"
        "1ffffffff81000010 T too_long\n"
        "ffffffff81000020 T ][\n"
        "ffffffff81000030 t last");
    EXPECT_EQ(symbols.malformed_lines(), 5u);
    EXPECT_EQ(name_at(symbols, 0xffffffff81000018), "good");
    EXPECT_EQ(name_at(symbols, 0xffffffff81000030), "last");
}

TEST(KernelSymbols, RandomTextDoesNotCrash) {
    std::mt19937 random(5);
    for (int round = 0; round < 5000; ++round) {
        std::string text(kText);
        for (int i = 0; i < 8; ++i) text[random() % text.size()] = static_cast<char>(random());
        const KernelSymbols symbols = KernelSymbols::parse(text);
        EXPECT_LE(symbols.size() + symbols.malformed_lines(), 11u + 8u);
        if (const auto found = symbols.lookup(0xffffffff81000150)) {
            EXPECT_LE(found->start, 0xffffffff81000150u);
        }
    }
}

TEST(KernelSymbols, MissingFileIsAnError) {
    const auto symbols = KernelSymbols::load("/nonexistent/kallsyms");
    ASSERT_FALSE(symbols);
    EXPECT_NE(symbols.error().message.find("/nonexistent/kallsyms"), std::string::npos);
}

TEST(KernelSymbols, ReadsThisMachinesFile) {
    const auto symbols = KernelSymbols::load();
    ASSERT_TRUE(symbols) << symbols.error().message;
    EXPECT_EQ(symbols->malformed_lines(), 0u);
}

}  // namespace
}  // namespace pyebpf::symbolize
