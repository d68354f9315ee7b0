// SPDX-License-Identifier: Apache-2.0
#include "symbolize/perf_map.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <random>

#include "base/unique_fd.h"

namespace pyebpf::symbolize {
namespace {

std::string name_at(const PerfMap& map, uint64_t address) {
    const auto found = map.lookup({address});
    return found ? std::string(found->name) : unknown_name(found.error());
}

TEST(PerfMap, NamesMayHaveBlanks) {
    const PerfMap map = PerfMap::parse(
        "7f0000001000 40 py::main:/app/x.py\n"
        "0x7f0000002000 0x10 LazyCompile:~add file.js:1:13\r\n");
    EXPECT_EQ(map.size(), 2u);
    EXPECT_EQ(map.malformed_lines(), 0u);
    EXPECT_EQ(name_at(map, 0x7f000000103f), "py::main:/app/x.py");
    EXPECT_EQ(name_at(map, 0x7f0000001040), "[unknown: jit code outside its perf map]");
    EXPECT_EQ(name_at(map, 0x7f0000002008), "LazyCompile:~add file.js:1:13");
    EXPECT_EQ(map.lookup({0x7f0000002008})->start, MappedAddress{0x7f0000002000});
    EXPECT_EQ(map.lookup({0x7f0000002008})->size, 0x10u);
}

TEST(PerfMap, LaterEntriesWinWhereTheyOverlap) {
    const PerfMap map = PerfMap::parse("1000 100 old\n1040 20 new\n10f0 40 newest\n");
    EXPECT_EQ(name_at(map, 0x103f), "old");
    EXPECT_EQ(name_at(map, 0x1040), "new");
    EXPECT_EQ(name_at(map, 0x1060), "old");
    EXPECT_EQ(name_at(map, 0x10f0), "newest");
    EXPECT_EQ(name_at(map, 0x112f), "newest");
    const PerfMap replaced = PerfMap::parse("1040 20 inside\n1000 100 over_all\n");
    EXPECT_EQ(name_at(replaced, 0x1050), "over_all");
}

TEST(PerfMap, MalformedLinesAreCountedAndUnfinishedOnesAreNot) {
    const PerfMap map = PerfMap::parse(
        "1000 10 good\n"
        "\n"
        "xyz 10 name\n"
        "2000\n"
        "2000 10\n"
        "2000 10 \n"
        "2000 0 empty\n"
        "ffffffffffffffff 10 wraps\n"
        "2000 fffffffffffffffff too_long\n"
        "-5 10 negative\n"
        "3000 10 half a li");
    EXPECT_EQ(map.size(), 1u);
    EXPECT_EQ(map.malformed_lines(), 9u);
    EXPECT_EQ(name_at(map, 0x3000), "[unknown: jit code outside its perf map]");
}

TEST(PerfMap, LongNamesAreCut) {
    const PerfMap map = PerfMap::parse("1000 10 " + std::string(1 << 20, 'n') + "\n");
    EXPECT_EQ(map.lookup({0x1000})->name.size(), 4096u);
}

TEST(PerfMap, RandomTextDoesNotCrash) {
    const std::string good =
        "7f0000001000 40 first\n7f0000001020 80 second\n7f0000000ff0 fff third\n";
    std::mt19937 random(9);
    for (int round = 0; round < 20000; ++round) {
        std::string text = good;
        for (unsigned flips = 1 + random() % 6; flips > 0; --flips) {
            text[random() % text.size()] = static_cast<char>(random());
        }
        const PerfMap map = PerfMap::parse(text);
        if (const auto found = map.lookup({0x7f0000001030})) {
            EXPECT_LT(0x7f0000001030 - found->start.value, found->size);
        }
    }
}

TEST(PerfMap, LoadsRegularFilesOnly) {
    const UniqueFd file(::memfd_create("perf-map", MFD_CLOEXEC));
    ASSERT_EQ(::write(file.get(), "1000 10 f\n", 10), 10);
    const auto map = PerfMap::load(file.get());
    ASSERT_TRUE(map) << map.error().message;
    EXPECT_EQ(name_at(*map, 0x1000), "f");
    EXPECT_EQ(map->skipped_bytes(), 0u);

    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const UniqueFd reader(ends[0]);
    const UniqueFd writer(ends[1]);
    EXPECT_FALSE(PerfMap::load(reader.get()));
}

TEST(PerfMap, HugeFilesAreReadInPart) {
    const UniqueFd file(::memfd_create("perf-map", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(file.get(), (off_t{128} << 20) + 5), 0);
    const auto map = PerfMap::load(file.get());
    ASSERT_TRUE(map);
    EXPECT_EQ(map->skipped_bytes(), 5u);
    EXPECT_EQ(map->size(), 0u);
}

}  // namespace
}  // namespace pyebpf::symbolize
