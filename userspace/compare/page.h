// SPDX-License-Identifier: Apache-2.0
// A comparison as a page: all runs of a side together, with the functions of the base under the
// names that they have in the head, and what was found about each function.
#pragma once

#include "base/result.h"
#include "base/sink.h"
#include "compare/report.h"
#include "output/differential_page.h"

namespace pyebpf::compare {

struct PageSides {
    profile::Profile base;
    profile::Profile head;
};

[[nodiscard]] Result<PageSides> page_sides(const Report& report);
[[nodiscard]] output::Difference page_difference(const Report& report);

// Fails in a build without the page.
[[nodiscard]] Result<void> write_page(const Report& report, Sink& sink);

}  // namespace pyebpf::compare
