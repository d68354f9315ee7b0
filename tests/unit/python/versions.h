// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

namespace pyebpf::python {

inline constexpr std::pair<int, int> kVersions[] = {
    {2, 7}, {3, 6}, {3, 7}, {3, 8}, {3, 9}, {3, 10}, {3, 11}, {3, 12}, {3, 13}, {3, 14}, {3, 15}};

}  // namespace pyebpf::python
