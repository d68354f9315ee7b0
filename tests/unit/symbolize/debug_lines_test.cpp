// SPDX-License-Identifier: Apache-2.0
#include "symbolize/debug_lines.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <random>

#include "elf_image.h"
#include "symbolize/demangle.h"

namespace pyebpf::symbolize {
namespace {

// The line of the fixture's source that places a mark, or that has a text such as "call: put".
uint32_t line_of(const std::string& mark) {
    const std::string wanted = mark.starts_with("mark_") ? "MARK(" + mark + ")" : mark;
    std::ifstream source(INLINE_FIXTURE_SOURCE);
    std::string text;
    for (uint32_t line = 1; std::getline(source, text); ++line) {
        if (text.find(wanted) != std::string::npos) return line;
    }
    return 0;
}

std::vector<uint8_t> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// "name:line", the caller's behind it; names demangled and without arguments of functions.
std::vector<std::string> frames_at(DebugLines& lines, StatedAddress address) {
    std::vector<std::string> frames;
    for (const SourceFrame& frame : lines.lookup(address)) {
        std::string name = demangle(frame.function);
        if (name.starts_with("long ")) name.erase(0, 5);  // names of templates have a return type
        frames.push_back(name.substr(0, name.rfind('(')) + ":" + std::to_string(frame.line));
    }
    return frames;
}

class InlineFixture : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        auto opened = elf::ElfFile::open(GetParam());
        ASSERT_TRUE(opened) << opened.error().message;
        file_ = *opened;
        lines_ = DebugLines::open({.file = file_, .debug = nullptr, .shared = nullptr});
        ASSERT_NE(lines_, nullptr);
    }

    StatedAddress address_of(const std::string& mark) {
        const auto symbol = file_->find_symbol(mark);
        EXPECT_TRUE(symbol) << mark;
        return symbol ? symbol->address : StatedAddress{};
    }

    std::shared_ptr<const elf::ElfFile> file_;
    std::unique_ptr<DebugLines> lines_;
};

TEST_P(InlineFixture, FunctionThatIsNotInlined) {
    const auto frames = lines_->lookup(address_of("mark_hidden"));
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_FALSE(frames[0].inlined);
    EXPECT_EQ(frames[0].line, line_of("mark_hidden"));
    EXPECT_EQ(frames[0].first_line, line_of("mark_hidden") - 1);
    EXPECT_EQ(frames[0].file, INLINE_FIXTURE_SOURCE);
    EXPECT_NE(demangle(frames[0].function).find("shop::(anonymous namespace)::hidden"),
              std::string::npos)
        << frames[0].function;
}

TEST_P(InlineFixture, MethodInlinedIntoItsCaller) {
    const auto frames = lines_->lookup(address_of("mark_put"));
    ASSERT_EQ(frames.size(), 2u);
    EXPECT_NE(demangle(frames[0].function).find("shop::(anonymous namespace)::Basket::put"),
              std::string::npos)
        << frames[0].function;
    EXPECT_TRUE(frames[0].inlined);
    EXPECT_EQ(frames[0].line, line_of("mark_put"));
    EXPECT_EQ(demangle(frames[1].function), "shop::fill(int)");
    EXPECT_FALSE(frames[1].inlined);
    EXPECT_EQ(frames[1].file, INLINE_FIXTURE_SOURCE);
    EXPECT_EQ(frames[1].line, line_of("call: put"));
}

TEST_P(InlineFixture, LambdaInlinedIntoItsFunction) {
    const auto frames = lines_->lookup(address_of("mark_lambda"));
    ASSERT_EQ(frames.size(), 2u);
    EXPECT_EQ(frames[0].line, line_of("mark_lambda"));
    EXPECT_EQ(frames[1].line, line_of("call: lambda"));
    EXPECT_EQ(demangle(frames[1].function), "shop::fill(int)");
}

TEST_P(InlineFixture, SevenTemplatesDeep) {
    const std::vector<std::string> frames = frames_at(*lines_, address_of("mark_chain_end"));
    const std::string call = ":" + std::to_string(line_of("call: chain"));
    const std::vector<std::string> expected = {
        "shop::Chain<0>::add<long>:" + std::to_string(line_of("mark_chain_end")),
        "shop::Chain<1>::add<long>" + call,
        "shop::Chain<2>::add<long>" + call,
        "shop::Chain<3>::add<long>" + call,
        "shop::Chain<4>::add<long>" + call,
        "shop::Chain<5>::add<long>" + call,
        "shop::Chain<6>::add<long>" + call,
        "run_fixture:" + std::to_string(line_of("call: run")),
    };
    EXPECT_EQ(frames, expected);
}

TEST_P(InlineFixture, AddressesWithoutCodeHaveNoFrames) {
    EXPECT_TRUE(lines_->lookup({0}).empty());
    EXPECT_TRUE(lines_->lookup({UINT64_MAX}).empty());
}

TEST_P(InlineFixture, UnitsAreReadOnFirstUse) {
    EXPECT_EQ(lines_->loaded_rows(), 0u);
    EXPECT_FALSE(lines_->lookup(address_of("mark_run")).empty());
    const size_t rows = lines_->loaded_rows();
    EXPECT_GT(rows, 0u);
    EXPECT_FALSE(lines_->lookup(address_of("mark_put")).empty());
    EXPECT_EQ(lines_->loaded_rows(), rows);
}

// Damages the debug sections only, so that every round gets past the ELF headers. Deterministic.
TEST_P(InlineFixture, DamagedDebugInformationDoesNotCrash) {
    const std::vector<uint8_t> good = read_file(GetParam());
    std::vector<const elf::Section*> targets;
    for (const elf::Section& section : file_->sections()) {
        if (section.name.starts_with(".debug_") && section.size > 0) targets.push_back(&section);
    }
    ASSERT_FALSE(targets.empty());
    const StatedAddress marks[] = {address_of("mark_hidden"), address_of("mark_put"),
                                   address_of("mark_lambda"), address_of("mark_chain_end"),
                                   address_of("mark_run")};
    std::mt19937 random(17);
    size_t usable = 0;
    for (int round = 0; round < 3000; ++round) {
        std::vector<uint8_t> bytes = good;
        for (unsigned flips = 1 + random() % 8; flips > 0; --flips) {
            const elf::Section& section = *targets[random() % targets.size()];
            bytes[section.offset.value + random() % section.size] = static_cast<uint8_t>(random());
        }
        const auto file = elf::ElfFile::from_bytes(std::move(bytes), "damaged");
        ASSERT_TRUE(file);
        const auto lines = DebugLines::open({.file = *file, .debug = nullptr, .shared = nullptr});
        if (!lines) continue;
        ++usable;
        for (const StatedAddress mark : marks) {
            for (const SourceFrame& frame : lines->lookup(mark))
                EXPECT_LT(frame.function.size(), good.size());
        }
    }
    EXPECT_GT(usable, 0u);
}

std::string form_name(const testing::TestParamInfo<const char*>& form) {
    static constexpr const char* kNames[] = {"Dwarf4", "Dwarf5", "Compressed"};
    return kNames[form.index];
}

INSTANTIATE_TEST_SUITE_P(Forms, InlineFixture,
                         testing::Values(INLINE_FIXTURE_DWARF4, INLINE_FIXTURE_DWARF5,
                                         INLINE_FIXTURE_COMPRESSED),
                         form_name);

TEST(DebugLines, RelativeFileNamesAreInTheFolderOfCompilation) {
    const auto file = elf::ElfFile::open(INLINE_FIXTURE_RELATIVE);
    ASSERT_TRUE(file);
    const auto lines = DebugLines::open({.file = *file, .debug = nullptr, .shared = nullptr});
    ASSERT_NE(lines, nullptr);
    for (const SourceFrame& frame : lines->lookup((*file)->find_symbol("mark_put")->address)) {
        EXPECT_TRUE(frame.file.starts_with("/")) << frame.file;
        EXPECT_TRUE(frame.file.ends_with("/fixtures/inline_fixture.cpp")) << frame.file;
    }
}

TEST(DebugLines, ForgottenUnitsAreReadAgain) {
    const auto file = elf::ElfFile::open(INLINE_FIXTURE_DWARF5);
    ASSERT_TRUE(file);
    const auto lines = DebugLines::open({.file = *file, .debug = nullptr, .shared = nullptr}, 0);
    ASSERT_NE(lines, nullptr);
    EXPECT_EQ(lines->unit_count(), 2u);
    const StatedAddress put = (*file)->find_symbol("mark_put")->address;
    const StatedAddress other = (*file)->find_symbol("mark_other")->address;
    ASSERT_EQ(lines->lookup(put).size(), 2u);
    const size_t put_rows = lines->loaded_rows();
    for (int i = 0; i < 3; ++i) {
        const auto frames = lines->lookup(other);
        ASSERT_EQ(frames.size(), 1u);
        EXPECT_EQ(frames[0].function, "run_other_fixture");
        EXPECT_LT(lines->loaded_rows(), put_rows);
        EXPECT_EQ(lines->lookup(put).size(), 2u);
        EXPECT_EQ(lines->loaded_rows(), put_rows);
    }
}

TEST(DebugLines, CompressedFixtureIsCompressed) {
    const auto file = elf::ElfFile::open(INLINE_FIXTURE_COMPRESSED);
    ASSERT_TRUE(file);
    const elf::Section* info = (*file)->section(".debug_info");
    ASSERT_NE(info, nullptr);
    EXPECT_NE(info->flags & SHF_COMPRESSED, 0u);
}

TEST(DebugLines, FileWithoutDwarfGivesNone) {
    EXPECT_EQ(DebugLines::open({.file = test::open_elf({}), .debug = nullptr, .shared = nullptr}),
              nullptr);
    const auto rubbish =
        test::open_elf({.extra = {{".debug_info", std::vector<uint8_t>(100, 0xff)}}});
    EXPECT_EQ(DebugLines::open({.file = rubbish, .debug = nullptr, .shared = nullptr}), nullptr);
}

TEST(DebugLines, SeparateDebugFileIsUsed) {
    const auto debug = elf::ElfFile::open(INLINE_FIXTURE_DWARF5);
    ASSERT_TRUE(debug);
    std::vector<uint8_t> bytes = read_file(INLINE_FIXTURE_DWARF5);
    // What executes has the same code and no DWARF: rename the section.
    const std::string name = ".debug_info";
    const auto at = std::search(bytes.begin(), bytes.end(), name.begin(), name.end());
    ASSERT_NE(at, bytes.end());
    at[1] = 'x';
    const auto stripped = elf::ElfFile::from_bytes(std::move(bytes), "stripped");
    ASSERT_TRUE(stripped);
    EXPECT_EQ(DebugLines::open({.file = *stripped, .debug = nullptr, .shared = nullptr}), nullptr);
    const auto lines = DebugLines::open({.file = *stripped, .debug = *debug, .shared = nullptr});
    ASSERT_NE(lines, nullptr);
    EXPECT_EQ(lines->lookup((*debug)->find_symbol("mark_put")->address).size(), 2u);
}

TEST(DebugLines, DecompressionBombIsRefused) {
    Elf64_Chdr header{};
    header.ch_type = ELFCOMPRESS_ZLIB;
    header.ch_size = uint64_t{1} << 40;
    header.ch_addralign = 1;
    std::vector<uint8_t> bytes(sizeof header + 64);
    std::memcpy(bytes.data(), &header, sizeof header);
    const auto file = test::open_elf(
        {.extra = {{.name = ".debug_info", .bytes = bytes, .flags = SHF_COMPRESSED}}});
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(DebugLines::open({.file = file, .debug = nullptr, .shared = nullptr}), nullptr);
}

}  // namespace
}  // namespace pyebpf::symbolize
