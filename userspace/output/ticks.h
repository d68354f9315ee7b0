// SPDX-License-Identifier: Apache-2.0
// Weights of one unit as ticks, that is how many times its event source fired. One undisturbed
// sample is one tick.
#pragma once

#include "profile/profile.h"

namespace pyebpf::output {

// What one tick of a source stands for. A source without a period of its own (off-CPU time) counts
// in ticks of another one of the same unit; without any, a tick is one of the unit.
[[nodiscard]] inline double tick_weight(const profile::Profile& profile, uint8_t source) {
    if (source >= profile.sources.size()) return 1.0;
    const profile::Source& own = profile.sources[source];
    if (own.period != 0) return static_cast<double>(own.period);
    for (const profile::Source& other : profile.sources) {
        if (other.unit == own.unit && other.period != 0) return static_cast<double>(other.period);
    }
    return 1.0;
}

[[nodiscard]] inline double ticks(const profile::Profile& profile, const profile::Sample& sample) {
    return static_cast<double>(sample.weight) / tick_weight(profile, sample.source);
}

}  // namespace pyebpf::output
