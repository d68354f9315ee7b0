// SPDX-License-Identifier: Apache-2.0
// The walkers' tables in our own memory, for walks in user space.
#pragma once

#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "loader/walker_tables.h"

namespace pyebpf::pipeline {

class LocalTables final : public loader::WalkerTables {
  public:
    LocalTables();

    [[nodiscard]] target_kind target() const override { return TARGET_PROCESSES; }
    [[nodiscard]] Result<uint32_t> add_layout(python_layout layout) override;
    [[nodiscard]] Result<void> put_process(uint32_t tgid, const process_entry& entry) override;
    void put_thread_state(uint32_t tgid, uint64_t thread_pointer, uint64_t address) override;
    [[nodiscard]] std::span<code_range> code_ranges() override { return {ranges_.get(), kRanges}; }
    [[nodiscard]] Result<Slab> add_slab() override;

    // What was published.
    [[nodiscard]] std::optional<process_entry> process(uint32_t tgid) const;
    [[nodiscard]] std::optional<python_layout> layout(uint32_t index) const;
    [[nodiscard]] uint64_t thread_state(uint32_t tgid, uint64_t thread_pointer) const;  // 0: none
    // Null where there is none.
    [[nodiscard]] const code_range* range(uint32_t index) const {
        return index < kRanges ? &ranges_[index] : nullptr;
    }
    [[nodiscard]] const uint32_t* slab(uint32_t index) const;

  private:
    // More than the kernel side has: no piece of it is used again in the short time of a dump.
    static constexpr size_t kRanges = size_t{16} * MAX_CODE_RANGES;

    template <class T>
    struct Freed {
        void operator()(T* memory) const { std::free(memory); }
    };
    // Zeroed, and of memory only what is used.
    std::unique_ptr<code_range[], Freed<code_range>> ranges_;
    mutable std::mutex mutex_;  // guards what follows
    std::vector<std::unique_ptr<uint32_t[], Freed<uint32_t>>> slabs_;
    std::vector<python_layout> layouts_;
    std::unordered_map<uint32_t, process_entry> processes_;
    std::unordered_map<uint32_t, std::unordered_map<uint64_t, uint64_t>>
        thread_states_;  // by tgid and thread pointer
};

}  // namespace pyebpf::pipeline
