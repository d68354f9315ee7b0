// SPDX-License-Identifier: Apache-2.0
#include "base/closest.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace pyebpf {

namespace {

constexpr size_t kMaxLetters = 128;  // of a name that is compared; longer ones are near to nothing

// Levenshtein's distance.
size_t distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 0; i < a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.size(); ++j) {
            const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

}  // namespace

std::vector<std::string> closest(std::string_view typed, std::span<const std::string> names,
                                 size_t count) {
    std::vector<std::pair<size_t, std::string_view>> near;
    if (typed.empty() || typed.size() > kMaxLetters) return {};
    for (const std::string& name : names) {
        if (name.size() > kMaxLetters) continue;
        if (name.find(typed) != std::string::npos) {
            near.emplace_back(1, name);
            continue;
        }
        const size_t steps = distance(typed, name);
        if (steps <= std::max<size_t>(1, (typed.size() + 1) / 3)) near.emplace_back(steps, name);
    }
    std::ranges::sort(near);
    std::vector<std::string> result;
    for (size_t i = 0; i < std::min(count, near.size()); ++i) result.emplace_back(near[i].second);
    return result;
}

}  // namespace pyebpf
