// SPDX-License-Identifier: Apache-2.0
// NoName: why an address has no name. The absence of a name is data: it is never dropped, but shown
// as "[unknown: reason]".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace pyebpf::symbolize {

enum class NoName : uint8_t {
    kNoSymbols,       // the file has no symbols of functions
    kOutsideSymbols,  // the file has symbols, none covers the address
    kNotMapped,       // the process has nothing at the address
    kNotExecutable,   // what is mapped there is not code
    kFileReplaced,    // the file at that path is no longer the one that is mapped
    kFileUnreadable,  // opening it failed
    kNotElf,          // it is mapped executable, but not a 64-bit ELF file
    kJitWithoutMap,   // anonymous executable memory, and no perf map or jitdump
    kOutsideJitMap,   // the perf map or jitdump does not cover the address
    kKernelHidden,    // kptr_restrict hides the kernel's addresses
    kOutsideKernel,   // no kernel symbol covers the address
    kProcessGone,     // the process ended before its mappings could be read
};

// Without brackets; file is the path or name of the mapped file, of which the last component is
// shown.
[[nodiscard]] std::string describe(NoName reason, std::string_view file = {});

// How it is displayed in the place of a name: "[unknown: no symbols in libfoo.so]".
[[nodiscard]] std::string unknown_name(NoName reason, std::string_view file = {});

// What a lookup gives: the name with what else is known, or the reason for having none.
template <class T>
using Named = tl::expected<T, NoName>;

inline tl::unexpected<NoName> no_name(NoName reason) {
    return tl::unexpected<NoName>(reason);
}

}  // namespace pyebpf::symbolize
