// SPDX-License-Identifier: Apache-2.0
// The HTML page's own code and style, bundled from html/ at build time: the data goes between the
// two parts. Both are empty in a build without npm.
#pragma once

#include <string_view>

namespace pyebpf::output {

extern const std::string_view kPageBeforeData;
extern const std::string_view kPageAfterData;

}  // namespace pyebpf::output
