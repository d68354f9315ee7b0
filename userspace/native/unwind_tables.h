// SPDX-License-Identifier: Apache-2.0
// The unwind tables that the kernel side holds: built once per file by a worker thread, placed into slabs, shared by all processes
// that map the file.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "bpf/abi/unwind.h"
#include "elf/elf_file.h"
#include "elf/unwind_table.h"

namespace pyebpf::native {

// Memory shared with the kernel; implemented over BPF maps. Called from the worker thread.
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
    uint64_t build_ns = 0;
    uint64_t rows = 0;
};

// Thread-safe.
class UnwindTables {
  public:
    // ready is called on the worker thread, once per requested file.
    UnwindTables(SlabMemory& memory, std::function<void(const elf::ElfFile*)> ready);
    ~UnwindTables() { stop(); }

    // Ends the worker thread: ready is not called any more. What was built stays.
    void stop();
    // The file's tables; null while they are not built yet, in which case they are queued.
    [[nodiscard]] std::shared_ptr<const PlacedTables> get(const std::shared_ptr<const elf::ElfFile>& file);
    [[nodiscard]] UnwindTableTotals totals() const;

  private:
    void work();
    [[nodiscard]] std::shared_ptr<const PlacedTables> build(const elf::ElfFile& file);
    [[nodiscard]] Result<PlacedTable> place(const elf::UnwindTable& table);

    SlabMemory& memory_;
    std::function<void(const elf::ElfFile*)> ready_;
    mutable std::mutex mutex_;  // guards what follows, down to the worker's own
    std::condition_variable changed_;
    std::unordered_map<const elf::ElfFile*, std::shared_ptr<const PlacedTables>> tables_;  // null: queued
    std::deque<std::shared_ptr<const elf::ElfFile>> queue_;
    std::vector<std::shared_ptr<const elf::ElfFile>> files_;  // keeps the keys of tables_ alive
    UnwindTableTotals totals_;
    bool stop_ = false;
    // Of the worker thread:
    SlabMemory::Slab slab_;
    size_t used_words_ = 0;
    std::thread worker_;  // last: it uses all the others
};

}  // namespace pyebpf::native
