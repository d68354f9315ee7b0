// SPDX-License-Identifier: Apache-2.0
// What every fuzz target has: one function that takes any bytes and must come back, without a
// report of a sanitizer (docs/testing.md, "fuzz").
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

// The name is libFuzzer's (LLVM, compiler-rt/lib/fuzzer/FuzzerInterface.h).
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace pyebpf::fuzz {

inline std::string_view text_of(std::span<const uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A number from the front of the bytes; what is missing is 0.
template <class T>
T take(std::span<const uint8_t>& bytes) {
    T value{};
    const size_t size = bytes.size() < sizeof(T) ? bytes.size() : sizeof(T);
    if (size > 0) std::memcpy(&value, bytes.data(), size);
    bytes = bytes.subspan(size);
    return value;
}

// Keeps the compiler from dropping a call whose result nobody looks at.
template <class T>
void use(const T& value) {
    asm volatile("" : : "g"(&value) : "memory");
}

}  // namespace pyebpf::fuzz
