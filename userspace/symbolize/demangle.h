// SPDX-License-Identifier: Apache-2.0
// Names of functions as their authors wrote them.
#pragma once

#include <string>
#include <string_view>

namespace pyebpf::symbolize {

// C++ (Itanium ABI) and Rust (legacy and v0) names are decoded; what is not mangled, or not
// decodable within bounds of size, comes back as it is. Marks that compilers append to clones of a
// function are set apart:
//
//   _ZN3foo3barEv              foo::bar()
//   _ZN3foo3barEv.part.0.cold  foo::bar() [.part.0.cold]
//   compress.constprop.0       compress [.constprop.0]
//   _RNvC5hello4main           hello::main
[[nodiscard]] std::string demangle(std::string_view name);

}  // namespace pyebpf::symbolize
