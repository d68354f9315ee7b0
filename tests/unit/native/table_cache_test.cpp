// SPDX-License-Identifier: Apache-2.0
#include "native/table_cache.h"

#include <gtest/gtest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

namespace pyebpf::native {
namespace {

namespace fs = std::filesystem;

// This program itself is the ELF file: it has a .eh_frame.
std::shared_ptr<const elf::ElfFile> own_file() {
    auto file = elf::ElfFile::open("/proc/self/exe");
    EXPECT_TRUE(file.has_value());
    return *file;
}

bool are_equal(const std::vector<elf::UnwindTable>& a, const std::vector<elf::UnwindTable>& b) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i) {
        if (a[i].first_page != b[i].first_page || a[i].index != b[i].index ||
            a[i].rows != b[i].rows)
            return false;
        if (a[i].rules.size() != b[i].rules.size() || a[i].statistics.rows != b[i].statistics.rows)
            return false;
        if (std::memcmp(a[i].rules.data(), b[i].rules.data(),
                        a[i].rules.size() * sizeof(unwind_rule)) != 0)
            return false;
    }
    return true;
}

class TableCacheTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = fs::temp_directory_path() / "table-cache-XXXXXX";
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
        file_ = own_file();
        auto tables = elf::compile_unwind_tables(*file_);
        ASSERT_TRUE(tables.has_value());
        ASSERT_FALSE(tables->empty());
        tables_ = std::move(*tables);
    }
    void TearDown() override { fs::remove_all(folder_); }

    [[nodiscard]] std::string cache_folder() const { return folder_ / "a" / "b"; }
    [[nodiscard]] fs::path only_entry() const {
        std::vector<fs::path> entries;
        for (const auto& entry : fs::directory_iterator(cache_folder()))
            entries.push_back(entry.path());
        EXPECT_EQ(entries.size(), 1u);
        return entries.at(0);
    }

    fs::path folder_;
    std::shared_ptr<const elf::ElfFile> file_;
    std::vector<elf::UnwindTable> tables_;
};

TEST_F(TableCacheTest, GivesBackWhatWasStored) {
    auto cache = TableCache::open(cache_folder());
    ASSERT_TRUE(cache.has_value()) << cache.error().message;
    EXPECT_FALSE(cache->load(*file_).has_value());
    cache->store(*file_, tables_);
    const auto loaded = cache->load(*file_);
    ASSERT_TRUE(loaded.has_value());
    EXPECT_TRUE(are_equal(*loaded, tables_));
    const auto again = TableCache::open(cache_folder())->load(*file_);
    ASSERT_TRUE(again.has_value());
    EXPECT_TRUE(are_equal(*again, tables_));
    EXPECT_FALSE(only_entry().empty());  // nothing temporary is left
}

// tests/data/elf/frames.S, with another frame in a function that no call frame information
// describes.
TEST_F(TableCacheTest, IsNotForOtherCodeUnderTheSameBuildId) {
    std::ifstream stream(UNDESCRIBED_ELF, std::ios::binary);
    std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(stream), {}};
    const auto file = elf::ElfFile::from_bytes(bytes, "original");
    ASSERT_TRUE(file.has_value());
    const auto tables = elf::compile_unwind_tables(**file);
    ASSERT_TRUE(tables.has_value());
    ASSERT_FALSE(tables->front().analyzed.empty());
    const auto cache = TableCache::open(cache_folder());
    cache->store(**file, *tables);
    const auto loaded = cache->load(**file);
    ASSERT_TRUE(loaded.has_value());
    EXPECT_TRUE(are_equal(*loaded, *tables));
    EXPECT_EQ(loaded->front().analyzed, tables->front().analyzed);

    const std::vector<uint8_t> allocate_80{0x48, 0x83, 0xec, 80};  // sub $80,%rsp
    const auto found = std::ranges::search(bytes, allocate_80).begin();
    ASSERT_NE(found, bytes.end());
    found[3] = 96;
    const auto other = elf::ElfFile::from_bytes(bytes, "other");
    ASSERT_TRUE(other.has_value());
    EXPECT_EQ((*other)->build_id(), (*file)->build_id());
    EXPECT_FALSE(cache->load(**other).has_value());
}

TEST_F(TableCacheTest, RefusesEveryDamage) {
    const std::vector<uint8_t> good = write_entry(file_->build_id(), tables_, 7);
    ASSERT_TRUE(read_entry(file_->build_id(), good).has_value());
    std::mt19937 random(1);
    for (int i = 0; i < 300; ++i) {
        std::vector<uint8_t> bad = good;
        bad[i < 100 ? static_cast<size_t>(i) : random() % bad.size()] ^=
            static_cast<uint8_t>(1u << random() % 8);
        EXPECT_FALSE(read_entry(file_->build_id(), bad).has_value()) << i;
    }
    for (size_t size = 0; size < good.size(); size += 1 + size / 3) {
        EXPECT_FALSE(read_entry(file_->build_id(), std::span(good).first(size)).has_value());
    }
    std::vector<uint8_t> longer = good;
    longer.push_back(0);
    EXPECT_FALSE(read_entry(file_->build_id(), longer).has_value());
    EXPECT_FALSE(read_entry(elf::BuildId(20, 7), good).has_value());
}

// A checksum is no secret: who writes an entry on purpose gets it right.
TEST_F(TableCacheTest, RefusesTablesThatPointOutsideThemselves) {
    const auto is_refused = [](const elf::UnwindTable& table) {
        return !read_entry({}, write_entry({}, std::span(&table, 1), 0)).has_value();
    };
    elf::UnwindTable table;
    table.rules = {{.cfa_kind = CFA_NONE}, {.cfa_offset = 8, .cfa_kind = CFA_RSP}};
    table.rows = {0x0001, 0x1000};
    table.index = {2u << UNWIND_INDEX_COUNT_SHIFT};
    EXPECT_FALSE(is_refused(table));
    table.index = {2u << UNWIND_INDEX_COUNT_SHIFT | 1u};  // one row beyond
    EXPECT_TRUE(is_refused(table));
    table.index = {UNWIND_INDEX_WIDE | 2u << UNWIND_INDEX_COUNT_SHIFT};  // twice as many units
    EXPECT_TRUE(is_refused(table));
    table.index = {0};  // no rows at all
    EXPECT_TRUE(is_refused(table));
    table.index = {UNWIND_INDEX_SINGLE | 2u};  // no such rule
    EXPECT_TRUE(is_refused(table));
    table.index = {2u << UNWIND_INDEX_COUNT_SHIFT};
    table.rows = {0x0001, 0x1002};  // a row with no such rule
    EXPECT_TRUE(is_refused(table));
    table.index.clear();
    table.rows.clear();
    table.rules.clear();
    EXPECT_TRUE(is_refused(table));
}

TEST_F(TableCacheTest, ReadsNoEntryThatOthersCouldWrite) {
    auto cache = TableCache::open(cache_folder());
    ASSERT_TRUE(cache.has_value());
    cache->store(*file_, tables_);
    const fs::path entry = only_entry();
    ASSERT_EQ(chmod(entry.c_str(), 0666), 0);
    EXPECT_FALSE(cache->load(*file_).has_value());
    ASSERT_EQ(chmod(entry.c_str(), 0600), 0);
    EXPECT_TRUE(cache->load(*file_).has_value());
    fs::rename(entry, folder_ / "elsewhere");
    fs::create_symlink(folder_ / "elsewhere", entry);
    EXPECT_FALSE(cache->load(*file_).has_value());
}

TEST_F(TableCacheTest, UsesNoFolderThatOthersCouldWrite) {
    fs::create_directories(cache_folder());
    ASSERT_EQ(chmod(cache_folder().c_str(), 0777), 0);
    EXPECT_FALSE(TableCache::open(cache_folder()).has_value());
    fs::remove(cache_folder());
    fs::create_directory(folder_ / "real");
    fs::create_directory_symlink(folder_ / "real", cache_folder());
    EXPECT_FALSE(TableCache::open(cache_folder()).has_value());
    EXPECT_FALSE(TableCache::open("relative").has_value());
    EXPECT_FALSE(TableCache::open("").has_value());
}

TEST_F(TableCacheTest, DeletesTheOldestWhenItGrowsTooLarge) {
    ASSERT_TRUE(TableCache::open(cache_folder()).has_value());
    for (int i = 0; i < 8; ++i) {
        const fs::path entry = fs::path(cache_folder()) / std::to_string(i);
        std::ofstream(entry) << std::string(1000, 'x');
        const timespec times[2] = {{1000 + i, 0}, {1000 + i, 0}};
        ASSERT_EQ(utimensat(AT_FDCWD, entry.c_str(), times, 0), 0);
    }
    ASSERT_TRUE(TableCache::open(cache_folder(), 8000).has_value());
    EXPECT_TRUE(fs::exists(fs::path(cache_folder()) / "0"));
    ASSERT_TRUE(TableCache::open(cache_folder(), 4000).has_value());
    for (int i = 0; i < 8; ++i)
        EXPECT_EQ(fs::exists(fs::path(cache_folder()) / std::to_string(i)), i >= 5) << i;
}

}  // namespace
}  // namespace pyebpf::native
