// SPDX-License-Identifier: Apache-2.0
// Id<Tag>: an index into one particular table, so that a frame's index cannot pass as a stack's.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <limits>

namespace pyebpf {

template <class Tag>
struct Id {
    static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
    uint32_t value = kNone;

    constexpr auto operator<=>(const Id&) const = default;
    [[nodiscard]] constexpr bool valid() const { return value != kNone; }
};

}  // namespace pyebpf

template <class Tag>
struct std::hash<pyebpf::Id<Tag>> {
    size_t operator()(pyebpf::Id<Tag> id) const noexcept { return std::hash<uint32_t>{}(id.value); }
};
