// SPDX-License-Identifier: Apache-2.0
// What the walkers see in a test (userspace/walkers/surroundings.h). Every read can be made to
// fail, as the page may be absent in the kernel.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <vector>

#include "bpf/abi/counters.h"
#include "bpf/abi/unwind.h"
#include "walkers/surroundings.h"

namespace pyebpf::test {

class Memory {
  public:
    virtual ~Memory() = default;
    // False unless all bytes could be read.
    virtual bool read(uint64_t address, std::span<uint8_t> to) = 0;
};

// Memory that was recorded or made up: bytes at some addresses, nothing elsewhere.
class ImageMemory : public Memory {
  public:
    // Adds bytes; those that are there already are overwritten. Touching pieces become one.
    void add(uint64_t address, std::span<const uint8_t> bytes);
    template <class T>
    void put(uint64_t address, const T& value) {
        add(address, {reinterpret_cast<const uint8_t*>(&value), sizeof(value)});
    }
    void remove_all() { regions_.clear(); }
    bool read(uint64_t address, std::span<uint8_t> to) override;
    // By address, apart from each other.
    [[nodiscard]] std::map<uint64_t, std::vector<uint8_t>>& regions() { return regions_; }
    [[nodiscard]] const std::map<uint64_t, std::vector<uint8_t>>& regions() const {
        return regions_;
    }

  private:
    std::map<uint64_t, std::vector<uint8_t>> regions_;
};

class Surroundings : public walkers::Surroundings {
  public:
    explicit Surroundings(Memory& memory) : memory_(memory) {}

    // Reads [first, first + count) fail; the first read is 0.
    void fail_reads(uint64_t first, uint64_t count = 1) {
        failing_first_ = first;
        failing_count_ = count;
    }
    void set_code(std::span<const code_range> ranges, std::span<const uint32_t> slab);

    [[nodiscard]] uint64_t reads() const { return reads_; }
    [[nodiscard]] uint64_t counter(kernel_counter which) const { return counters_[which]; }

    [[nodiscard]] bool read(uint64_t address, void* to, uint32_t bytes) override;
    void count(kernel_counter which) override { ++counters_[which]; }
    [[nodiscard]] const code_range* range(uint32_t index) const override;
    [[nodiscard]] const uint32_t* slab_words(uint32_t slab) const override;

  private:
    Memory& memory_;
    uint64_t failing_first_ = 0;
    uint64_t failing_count_ = 0;
    uint64_t reads_ = 0;
    std::array<uint64_t, KERNEL_COUNTER_COUNT> counters_{};
    std::span<const code_range> ranges_;
    std::vector<uint32_t> slab_;  // of UNWIND_SLAB_WORDS, as in the kernel; empty: none
};

}  // namespace pyebpf::test
