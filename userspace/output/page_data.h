// SPDX-License-Identifier: Apache-2.0
// What the HTML page reads: a profile, or two to be compared, as tables (page_columns.h,
// docs/formats/html.md). Only what samples refer to is written; every text is safe to show.
#pragma once

#include "output/differential_page.h"
#include "output/format.h"

namespace pyebpf::output {

// Up to this many samples keep their times to the microsecond. More are put on a grid of
// kCoarseTimes times, where equal ones become one row.
inline constexpr size_t kExactSamples = 1'000'000;
inline constexpr uint64_t kCoarseTimes = 20'000;

void write_page_data(const profile::Profile& profile, const FormatOptions& options, Sink& sink);

void write_differential_page_data(const profile::Profile& base, const profile::Profile& head,
                                  const Difference& difference, const FormatOptions& options,
                                  Sink& sink);

}  // namespace pyebpf::output
