// SPDX-License-Identifier: Apache-2.0
#include "symbolize/jit_dump.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

namespace pyebpf::symbolize {
namespace {

class DumpWriter {
  public:
    DumpWriter() { u32(0x4a695444), u32(1), u32(40), u32(62), u32(0), u32(1234), u64(1), u64(0); }
    void load(uint64_t address, uint64_t size, uint64_t index, const std::string& name,
              size_t code_bytes = 0) {
        u32(0), u32(static_cast<uint32_t>(16 + 40 + name.size() + 1 + code_bytes)), u64(2);
        u32(1234), u32(1234), u64(address), u64(address), u64(size), u64(index);
        bytes_.insert(bytes_.end(), name.begin(), name.end());
        bytes_.insert(bytes_.end(), 1 + code_bytes, 0);
    }
    void move(uint64_t from, uint64_t to, uint64_t size, uint64_t index) {
        u32(1), u32(16 + 48), u64(3);
        u32(1234), u32(1234), u64(to), u64(from), u64(to), u64(size), u64(index);
    }
    void other(uint32_t kind, size_t payload) {
        u32(kind), u32(static_cast<uint32_t>(16 + payload)), u64(4);
        bytes_.insert(bytes_.end(), payload, 0xee);
    }
    void u32(uint32_t value) { put(&value, sizeof value); }
    void u64(uint64_t value) { put(&value, sizeof value); }
    std::vector<uint8_t>& bytes() { return bytes_; }

  private:
    void put(const void* data, size_t size) {
        const auto* begin = static_cast<const uint8_t*>(data);
        bytes_.insert(bytes_.end(), begin, begin + size);
    }
    std::vector<uint8_t> bytes_;
};

std::string name_at(const JitDump& dump, uint64_t address) {
    const auto found = dump.lookup({address});
    return found ? std::string(found->name) : unknown_name(found.error());
}

TEST(JitDump, ReadsLoadsAndMovesAndSkipsTheRest) {
    DumpWriter writer;
    writer.load(0x1000, 0x40, 1, "first", 0x40);
    writer.other(2, 100);
    writer.load(0x2000, 0x40, 2, "second");
    writer.move(0x1000, 0x3000, 0x40, 1);
    writer.other(3, 0);
    const auto dump = JitDump::parse(writer.bytes());
    ASSERT_TRUE(dump) << dump.error().message;
    EXPECT_EQ(dump->malformed_records(), 0u);
    EXPECT_EQ(name_at(*dump, 0x103f), "first");
    EXPECT_EQ(name_at(*dump, 0x2000), "second");
    EXPECT_EQ(name_at(*dump, 0x3010), "first");
    EXPECT_EQ(name_at(*dump, 0x3040), "[unknown: jit code outside its perf map]");
}

TEST(JitDump, LaterCodeAtTheSamePlaceWins) {
    DumpWriter writer;
    writer.load(0x1000, 0x40, 1, "old");
    writer.load(0x1000, 0x20, 2, "new");
    const auto dump = JitDump::parse(writer.bytes());
    ASSERT_TRUE(dump);
    EXPECT_EQ(name_at(*dump, 0x1010), "new");
    EXPECT_EQ(name_at(*dump, 0x1020), "old");
}

TEST(JitDump, ForeignHeadersAreRefused) {
    DumpWriter writer;
    auto bytes = writer.bytes();
    bytes[0] ^= 1;
    EXPECT_FALSE(JitDump::parse(bytes));
    bytes = writer.bytes();
    bytes[4] = 2;
    EXPECT_FALSE(JitDump::parse(bytes));
    bytes = writer.bytes();
    bytes[8] = 39;
    EXPECT_FALSE(JitDump::parse(bytes));
    EXPECT_FALSE(JitDump::parse({}));
}

TEST(JitDump, RecordsThatLieAreCounted) {
    DumpWriter writer;
    writer.move(0x1000, 0x2000, 0x10, 77);  // never loaded
    writer.load(0x1000, 0, 1, "empty");
    writer.load(0x1000, 0x10, 2, "");
    writer.other(0, 8);  // too short for a load
    writer.load(0x4000, 0x10, 3, "good");
    const auto dump = JitDump::parse(writer.bytes());
    ASSERT_TRUE(dump);
    EXPECT_EQ(dump->malformed_records(), 4u);
    EXPECT_EQ(name_at(*dump, 0x4000), "good");
}

TEST(JitDump, UnfinishedRecordEndsTheReading) {
    DumpWriter writer;
    writer.load(0x1000, 0x10, 1, "whole");
    writer.load(0x2000, 0x10, 2, "cut");
    writer.bytes().pop_back();
    const auto dump = JitDump::parse(writer.bytes());
    ASSERT_TRUE(dump);
    EXPECT_EQ(dump->size(), 1u);
    EXPECT_EQ(dump->malformed_records(), 0u);
}

TEST(JitDump, DamagedFilesDoNotCrash) {
    DumpWriter writer;
    writer.load(0x1000, 0x40, 1, "first", 16);
    writer.move(0x1000, 0x3000, 0x40, 1);
    writer.load(0x1020, 0x40, 2, "second");
    std::mt19937 random(13);
    for (int round = 0; round < 20000; ++round) {
        auto bytes = writer.bytes();
        for (unsigned flips = 1 + random() % 4; flips > 0; --flips) {
            bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
        }
        bytes.resize(bytes.size() - random() % 8);
        const auto dump = JitDump::parse(bytes);
        if (!dump) continue;
        if (const auto found = dump->lookup({0x1030})) {
            EXPECT_LT(0x1030 - found->start.value, found->size);
        }
    }
}

}  // namespace
}  // namespace pyebpf::symbolize
