// SPDX-License-Identifier: Apache-2.0
// What the HTML page reads: the profile as JSON tables (docs/formats/html.md), safe inside a
// <script> element.
#pragma once

#include "output/format.h"

namespace pyebpf::output {

// Holds only what samples refer to; samples are summed by stack, thread and source.
void write_page_data(const profile::Profile& profile, const FormatOptions& options, Sink& sink);

}  // namespace pyebpf::output
