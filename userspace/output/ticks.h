// SPDX-License-Identifier: Apache-2.0
// Weights of different event sources in one unit: ticks, that is how many times the source fired.
// One undisturbed sample is one tick.
#pragma once

#include "profile/profile.h"

namespace pyebpf::output {

[[nodiscard]] inline double ticks(const profile::Profile& profile, const profile::Sample& sample) {
    const bool has_period =
        sample.source < profile.sources.size() && profile.sources[sample.source].period != 0;
    const double period =
        has_period ? static_cast<double>(profile.sources[sample.source].period) : 1.0;
    return static_cast<double>(sample.weight) / period;
}

}  // namespace pyebpf::output
