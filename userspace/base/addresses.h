// SPDX-License-Identifier: Apache-2.0
// Three kinds of address that are easily confused, as three types:
//
//   MappedAddress   where something is in a process's memory
//   StatedAddress   where the ELF file states that it will be (symbol values, p_vaddr, .eh_frame)
//   FileOffset      where its bytes are in the file
//
//   MappedAddress = StatedAddress + load bias of the process;  a PT_LOAD segment relates
//   StatedAddress and FileOffset.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace pyebpf {

template <class Tag>
struct Address {
    uint64_t value = 0;

    constexpr auto operator<=>(const Address&) const = default;
    constexpr Address operator+(uint64_t delta) const { return {value + delta}; }
    constexpr Address operator-(uint64_t delta) const { return {value - delta}; }
    constexpr uint64_t operator-(Address other) const { return value - other.value; }
};

using MappedAddress = Address<struct MappedTag>;
using StatedAddress = Address<struct StatedTag>;
using FileOffset = Address<struct FileOffsetTag>;

// Added to a stated address gives the mapped one; wraps on purpose (a bias may be "negative").
struct LoadBias {
    uint64_t value = 0;
    constexpr bool operator==(const LoadBias&) const = default;
};

constexpr MappedAddress operator+(StatedAddress address, LoadBias bias) {
    return {address.value + bias.value};
}
constexpr StatedAddress operator-(MappedAddress address, LoadBias bias) {
    return {address.value - bias.value};
}

}  // namespace pyebpf

template <class Tag>
struct std::hash<pyebpf::Address<Tag>> {
    size_t operator()(pyebpf::Address<Tag> address) const noexcept {
        return std::hash<uint64_t>{}(address.value);
    }
};
