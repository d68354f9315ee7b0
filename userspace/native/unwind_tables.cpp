// SPDX-License-Identifier: Apache-2.0
#include "native/unwind_tables.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/log.h"
#include "sys/helper_thread.h"

namespace pyebpf::native {

namespace {

// Two compile a numpy process's 33 files in 40 ms; more would take CPU time away from what is
// profiled.
constexpr unsigned kWorkers = 2;
// Until a table is there, stacks that go through its file end early.
constexpr int kWorkerNice = -5;
// Reporting a file makes lists of code ranges anew for all processes that map it, so files are
// reported together.
constexpr auto kReportPause = std::chrono::milliseconds(20);

}  // namespace

UnwindTables::UnwindTables(SlabMemory& memory, std::optional<TableCache> cache, Ready ready)
    : memory_(memory), cache_(std::move(cache)), ready_(std::move(ready)) {
    for (unsigned i = 0; i < kWorkers; ++i) workers_.emplace_back([this] { work(); });
}

void UnwindTables::stop() {
    {
        const std::scoped_lock lock(mutex_);
        stop_ = true;
    }
    changed_.notify_all();
    reported_.notify_all();
    for (std::thread& worker : workers_) {
        if (worker.joinable()) worker.join();
    }
}

std::shared_ptr<const PlacedTables> UnwindTables::get(
    const std::shared_ptr<const elf::ElfFile>& file) {
    const std::scoped_lock lock(mutex_);
    const auto [entry, is_new] = tables_.emplace(file.get(), nullptr);
    if (is_new) {
        files_.push_back(file);
        queue_.push_back(file);
        changed_.notify_one();
    }
    return entry->second;
}

void UnwindTables::wait_until_built() {
    std::unique_lock lock(mutex_);
    reported_.wait(lock, [this] {
        return stop_ || (queue_.empty() && busy_ == 0 && finished_.empty() && reporting_ == 0);
    });
}

UnwindTableTotals UnwindTables::totals() const {
    const std::scoped_lock lock(mutex_);
    return totals_;
}

void UnwindTables::work() {
    sys::block_signals_in_this_thread();
    setpriority(PRIO_PROCESS, 0, kWorkerNice);  // of this thread; best effort
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return stop_ || !queue_.empty(); });
        if (stop_) return;
        const std::shared_ptr<const elf::ElfFile> file = std::move(queue_.front());
        queue_.pop_front();
        ++busy_;
        lock.unlock();
        const auto start = std::chrono::steady_clock::now();
        auto placed = build(*file);
        const auto end = std::chrono::steady_clock::now();
        lock.lock();
        --busy_;
        totals_.build_ns += static_cast<uint64_t>(std::chrono::nanoseconds(end - start).count());
        ++totals_.files;
        if (placed->empty()) ++totals_.failed_files;
        tables_[file.get()] = std::move(placed);
        if (finished_.empty()) finished_since_ = start;
        finished_.push_back(file.get());
        const bool is_last = queue_.empty() && busy_ == 0;
        if (!is_last && end - finished_since_ < kReportPause) continue;
        const std::vector<const elf::ElfFile*> report = std::move(finished_);
        finished_.clear();
        ++reporting_;
        lock.unlock();
        ready_(report);
        lock.lock();
        --reporting_;
        reported_.notify_all();
    }
}

Result<std::vector<elf::UnwindTable>> UnwindTables::load_or_compile(const elf::ElfFile& file) {
    if (cache_) {
        if (auto cached = cache_->load(file)) {
            const std::scoped_lock lock(mutex_);
            ++totals_.cached_files;
            return std::move(*cached);
        }
    }
    auto compiled = elf::compile_unwind_tables(file);
    if (compiled && cache_) cache_->store(file, *compiled);
    return compiled;
}

std::shared_ptr<const PlacedTables> UnwindTables::build(const elf::ElfFile& file) {
    auto placed = std::make_shared<PlacedTables>();
    const auto tables = load_or_compile(file);
    if (!tables) {
        log::verbose("unwind table of " + file.name() + ": " + tables.error().message);
        return placed;
    }
    for (const elf::UnwindTable& table : *tables) {
        auto place_of_table = place(table);
        if (!place_of_table) {
            log::warning("unwind table of " + file.name() + ": " + place_of_table.error().message);
            break;
        }
        placed->push_back(*place_of_table);
        const std::scoped_lock lock(mutex_);
        totals_.bytes += table.size_words() * sizeof(uint32_t);
        totals_.rows += table.statistics.rows;
    }
    return placed;
}

// The kernel side reads the words only after the code ranges are published.
Result<PlacedTable> UnwindTables::place(const elf::UnwindTable& table) {
    const std::scoped_lock lock(placing_);
    if (slab_.words.size() - used_words_ < table.size_words()) {
        auto slab = memory_.add_slab();
        if (!slab) return tl::unexpected(slab.error());
        slab_ = *slab;
        used_words_ = 0;
        if (slab_.words.size() < table.size_words()) return fail("a table is larger than a slab");
    }
    PlacedTable place;
    place.first_page = table.first_page;
    place.pages = static_cast<uint32_t>(table.index.size());
    place.slab = slab_.index;
    place.index_base = static_cast<uint32_t>(used_words_);
    place.rows_base = place.index_base + place.pages;
    place.rules_base = place.rows_base + static_cast<uint32_t>((table.rows.size() + 1) / 2);
    uint32_t* words = slab_.words.data();
    std::memcpy(words + place.index_base, table.index.data(),
                table.index.size() * sizeof(uint32_t));
    std::memcpy(words + place.rows_base, table.rows.data(), table.rows.size() * sizeof(uint16_t));
    std::memcpy(words + place.rules_base, table.rules.data(),
                table.rules.size() * sizeof(unwind_rule));
    used_words_ += table.size_words();
    return place;
}

}  // namespace pyebpf::native
