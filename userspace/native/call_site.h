// SPDX-License-Identifier: Apache-2.0
// Tells whether an address can be a return address: the instruction before it must be a call. A
// word of the stack that merely looks like a code address rarely passes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pyebpf::native {

constexpr size_t kMinCallBytes = 2;
constexpr size_t kMaxCallBytes = 7;

// code: up to kMaxCallBytes bytes that end at the address. x86-64.
[[nodiscard]] bool ends_with_call(std::span<const uint8_t> code);

}  // namespace pyebpf::native
