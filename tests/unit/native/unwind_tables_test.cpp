// SPDX-License-Identifier: Apache-2.0
#include "native/unwind_tables.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <future>
#include <set>
#include <thread>

namespace pyebpf::native {
namespace {

class HeapSlabs : public SlabMemory {
  public:
    explicit HeapSlabs(size_t limit) : limit_(limit) {}
    Result<Slab> add_slab() override {
        if (slabs_.size() == limit_) return fail("no slab is left");
        slabs_.emplace_back(UNWIND_SLAB_WORDS);
        return Slab{static_cast<uint32_t>(slabs_.size() - 1), slabs_.back()};
    }
    [[nodiscard]] const std::vector<uint32_t>& slab(size_t index) const { return slabs_.at(index); }

  private:
    size_t limit_;
    std::deque<std::vector<uint32_t>> slabs_;
};

// Files that every Linux test machine has.
std::vector<std::shared_ptr<const elf::ElfFile>> some_files() {
    std::vector<std::shared_ptr<const elf::ElfFile>> files;
    for (const char* path : {"/proc/self/exe", "/bin/sh", "/bin/bash", "/bin/ls"}) {
        if (auto file = elf::ElfFile::open(path)) files.push_back(*file);
    }
    return files;
}

// Asks for the tables of the files and waits until all are reported; returns them in the order of
// the files.
std::vector<std::shared_ptr<const PlacedTables>> build(
    SlabMemory& memory, const std::vector<std::shared_ptr<const elf::ElfFile>>& files,
    UnwindTableTotals& totals) {
    std::mutex mutex;
    std::multiset<const elf::ElfFile*> reported;
    std::promise<void> done;
    UnwindTables tables(memory, std::nullopt, [&](std::span<const elf::ElfFile* const> ready) {
        const std::scoped_lock lock(mutex);
        reported.insert(ready.begin(), ready.end());
        if (reported.size() == files.size()) done.set_value();
    });
    for (const auto& file : files) {
        (void)tables.get(file);
        (void)tables.get(file);  // asking again does not queue it again
    }
    EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds(60)), std::future_status::ready);
    std::vector<std::shared_ptr<const PlacedTables>> result;
    for (const auto& file : files) {
        EXPECT_EQ(reported.count(file.get()), 1u);
        result.push_back(tables.get(file));
    }
    totals = tables.totals();
    return result;
}

TEST(UnwindTables, WaitsUntilAllAreReported) {
    HeapSlabs memory(4);
    std::atomic<size_t> reported = 0;
    UnwindTables tables(memory, std::nullopt, [&](std::span<const elf::ElfFile* const> ready) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));  // who waits too little sees it
        reported += ready.size();
    });
    tables.wait_until_built();  // for nothing
    const auto files = some_files();
    for (const auto& file : files) (void)tables.get(file);
    tables.wait_until_built();
    EXPECT_EQ(reported.load(), files.size());
}

TEST(UnwindTables, PlacesEveryFileOnceAndWhole) {
    HeapSlabs memory(4);
    const auto files = some_files();
    ASSERT_GE(files.size(), 2u);
    UnwindTableTotals totals;
    const auto placed = build(memory, files, totals);
    EXPECT_EQ(totals.files, files.size());
    EXPECT_EQ(totals.failed_files, 0u);
    std::set<std::pair<uint32_t, uint32_t>> places;
    for (size_t i = 0; i < files.size(); ++i) {
        const auto tables = elf::compile_unwind_tables(*files[i]);
        ASSERT_TRUE(tables.has_value());
        ASSERT_TRUE(placed[i] != nullptr);
        ASSERT_EQ(placed[i]->size(), tables->size());
        for (size_t t = 0; t < tables->size(); ++t) {
            const PlacedTable& place = (*placed[i])[t];
            const elf::UnwindTable& table = (*tables)[t];
            const uint32_t* words = memory.slab(place.slab).data();
            EXPECT_EQ(place.first_page, table.first_page);
            ASSERT_EQ(place.pages, table.index.size());
            EXPECT_TRUE(places.insert({place.slab, place.index_base}).second);
            EXPECT_EQ(
                std::memcmp(words + place.index_base, table.index.data(), table.index.size() * 4),
                0);
            EXPECT_EQ(
                std::memcmp(words + place.rows_base, table.rows.data(), table.rows.size() * 2), 0);
            EXPECT_EQ(std::memcmp(words + place.rules_base, table.rules.data(),
                                  table.rules.size() * sizeof(unwind_rule)),
                      0);
        }
    }
}

TEST(UnwindTables, ReportsFilesForWhichThereIsNoRoom) {
    HeapSlabs memory(0);
    const auto files = some_files();
    UnwindTableTotals totals;
    for (const auto& placed : build(memory, files, totals)) {
        ASSERT_TRUE(placed != nullptr);
        EXPECT_TRUE(placed->empty());
    }
    EXPECT_EQ(totals.failed_files, files.size());
}

}  // namespace
}  // namespace pyebpf::native
