// SPDX-License-Identifier: Apache-2.0
// Compiled in place of the bundled page if there was no npm to bundle it.
#include "output/page.h"

namespace pyebpf::output {

constinit const std::string_view kPageBeforeData;
constinit const std::string_view kPageAfterData;

}  // namespace pyebpf::output
