// SPDX-License-Identifier: Apache-2.0
// The unwind tables that the kernel side holds: loaded from the cache on disk or built, once per
// file, by worker threads, placed into slabs, shared by all processes that map the file.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "bpf/abi/unwind.h"
#include "elf/elf_file.h"
#include "elf/unwind_table.h"
#include "native/table_cache.h"

namespace pyebpf::native {

// Memory shared with the kernel; implemented over BPF maps. Called from a worker thread, one at a
// time.
class SlabMemory {
  public:
    struct Slab {
        uint32_t index = 0;
        std::span<uint32_t> words;
    };
    virtual ~SlabMemory() = default;
    virtual Result<Slab> add_slab() = 0;
};

// Where a table is. A file has more than one if it is larger than a slab.
struct PlacedTable {
    uint32_t first_page = 0;
    uint32_t pages = 0;
    uint32_t slab = 0;
    uint32_t index_base = 0;
    uint32_t rows_base = 0;
    uint32_t rules_base = 0;
};

// The tables of one file; empty if it has no unwind information or no room was left.
using PlacedTables = std::vector<PlacedTable>;

struct UnwindTableTotals {
    uint64_t files = 0;
    uint64_t failed_files = 0;  // damaged .eh_frame, or no room
    uint64_t bytes = 0;
    uint64_t build_ns = 0;      // of all workers together
    uint64_t cached_files = 0;  // not built, but read from the disk
    uint64_t rows = 0;
};

// Thread-safe.
class UnwindTables {
  public:
    using Ready = std::function<void(std::span<const elf::ElfFile* const>)>;

    // ready is called on a worker thread, once per requested file, with all that were finished
    // since it was called before.
    UnwindTables(SlabMemory& memory, std::optional<TableCache> cache, Ready ready);
    ~UnwindTables() { stop(); }

    // Ends the worker threads: ready is not called any more. What was built stays.
    void stop();
    // The file's tables; null while they are not built yet, in which case they are queued: in the
    // order of the first calls.
    [[nodiscard]] std::shared_ptr<const PlacedTables> get(
        const std::shared_ptr<const elf::ElfFile>& file);
    // Returns when all files that were asked for are built and reported.
    void wait_until_built();
    [[nodiscard]] UnwindTableTotals totals() const;

  private:
    void work();
    [[nodiscard]] Result<std::vector<elf::UnwindTable>> load_or_compile(const elf::ElfFile& file);
    [[nodiscard]] std::shared_ptr<const PlacedTables> build(const elf::ElfFile& file);
    [[nodiscard]] Result<PlacedTable> place(const elf::UnwindTable& table);

    SlabMemory& memory_;
    const std::optional<TableCache> cache_;
    Ready ready_;
    mutable std::mutex mutex_;  // guards what follows, down to placing_
    std::condition_variable changed_;
    std::condition_variable reported_;
    std::unordered_map<const elf::ElfFile*, std::shared_ptr<const PlacedTables>>
        tables_;  // null: queued
    std::deque<std::shared_ptr<const elf::ElfFile>> queue_;
    std::vector<const elf::ElfFile*> finished_;  // not reported yet
    std::chrono::steady_clock::time_point finished_since_;
    std::vector<std::shared_ptr<const elf::ElfFile>> files_;  // keeps the keys of tables_ alive
    UnwindTableTotals totals_;
    bool stop_ = false;
    unsigned busy_ = 0;
    unsigned reporting_ = 0;  // calls of ready_
    std::mutex placing_;      // guards slab_ and used_words_
    SlabMemory::Slab slab_;
    size_t used_words_ = 0;
    std::vector<std::thread> workers_;  // last: they use all the others
};

}  // namespace pyebpf::native
