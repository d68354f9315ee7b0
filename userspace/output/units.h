// SPDX-License-Identifier: Apache-2.0
// What may be added up. Weights of event sources with the same unit (cpu-clock and off-cpu, both
// nanoseconds) add up to something; cycles and nanoseconds do not, and every format keeps them
// apart.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profile/profile.h"

namespace pyebpf::output {

struct Unit {
    std::string name;     // "nanoseconds"
    std::string sources;  // "cpu-clock, off-cpu"
    bool is_time = false;
};

class Units {
  public:
    explicit Units(const profile::Profile& profile);

    // Those that samples have, in the order of their sources; one even if there are no samples.
    [[nodiscard]] const std::vector<Unit>& list() const { return list_; }
    // Index into list().
    [[nodiscard]] uint32_t of(const profile::Sample& sample) const {
        return unit_of_source_[sample.source];
    }

  private:
    std::vector<Unit> list_;
    std::vector<uint32_t> unit_of_source_;  // for every value of Sample::source
};

}  // namespace pyebpf::output
