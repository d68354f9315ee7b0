// SPDX-License-Identifier: Apache-2.0
// A flame graph as one HTML file that needs nothing else: no network, no server. The page's own
// code is in html/ and is embedded in the program at build time; what it reads is described in
// docs/formats/html.md.
#pragma once

#include "output/format.h"

namespace pyebpf::output {

extern const Format kHtml;

}  // namespace pyebpf::output
