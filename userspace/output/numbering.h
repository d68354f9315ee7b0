// SPDX-License-Identifier: Apache-2.0
// Numbers values in the order in which they come; equal ones have the same number.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace pyebpf::output {

template <class Value>
class Numbering {
  public:
    uint32_t number(Value value) {
        const auto [entry, is_new] = numbers_.try_emplace(std::move(value), size());
        if (is_new) values_.push_back(&entry->first);
        return entry->second;
    }
    [[nodiscard]] const Value& operator[](uint32_t number) const { return *values_[number]; }
    [[nodiscard]] uint32_t size() const { return static_cast<uint32_t>(values_.size()); }
    [[nodiscard]] const std::vector<const Value*>& values() const { return values_; }

  private:
    std::map<Value, uint32_t> numbers_;
    std::vector<const Value*> values_;  // by number; a map's keys stay where they are
};

}  // namespace pyebpf::output
