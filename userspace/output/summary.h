// SPDX-License-Identifier: Apache-2.0
// What a recording tells at its end: a short text for the terminal, and the same numbers and more
// as JSON (--stats).
#pragma once

#include <cstddef>
#include <string>

#include "output/sink.h"
#include "profile/profile.h"

namespace pyebpf::output {

struct SummaryOptions {
    size_t width = 80;  // columns that no line exceeds, at least kSmallestWidth
    size_t top_functions = 8;
    bool color = false;
};

inline constexpr size_t kSmallestWidth = 40;

// Samples, the top functions by self and by total, and every loss that is not zero. Ends with a
// newline.
[[nodiscard]] std::string summary(const profile::Profile& profile, const SummaryOptions& options);

// All statistics, settings, sources, samples per process, top functions. Described in
// docs/formats/stats.md.
void write_statistics(const profile::Profile& profile, Sink& sink);

}  // namespace pyebpf::output
