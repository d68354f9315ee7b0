// SPDX-License-Identifier: Apache-2.0
// Which of several names for one address people know: "malloc" rather than "__libc_malloc".
#pragma once

#include <algorithm>
#include <string_view>
#include <tuple>

namespace pyebpf::symbolize {

// True if a is the better name: fewer leading underscores, then shorter, then first in the alphabet
// (so that the choice does not depend on the order of a table).
[[nodiscard]] inline bool is_better_name(std::string_view a, std::string_view b) {
    const auto key = [](std::string_view name) {
        const size_t underscores = std::min(name.find_first_not_of('_'), name.size());
        return std::tuple(underscores, name.size(), name);
    };
    return key(a) < key(b);
}

}  // namespace pyebpf::symbolize
