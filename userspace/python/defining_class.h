// SPDX-License-Identifier: Apache-2.0
// The class of a method, where its code object does not tell: before 3.11. From the first argument
// of a call the way leads to the type and its base classes, and to the one whose dictionary has, by
// the function's name, a function with this very code object:
//
//   first argument -> type -> tp_mro -> class -> tp_dict[co_name] -> function -> func_code
//
// or a descriptor around such a function (classmethod, staticmethod, property). Without that proof
// there is no class. In 3.x the function's own qualified name must be the class's and its name,
// too: a function that was put into a class later has another one.
#pragma once

#include <cstdint>
#include <string>

#include "base/addresses.h"
#include "python/live_reader.h"
#include "python/runtime.h"

namespace pyebpf::python {

// "Class.method", "Outer.Inner.method", "function.<locals>.Class.method" (UTF-8); "" if it is not
// proven. In 2.7 the class has its own name only, and functions within functions have none. What is
// read is not trusted: one search reads at most 1 MiB in 4,096 pieces.
[[nodiscard]] std::string method_name(const ReadMemory& read, const Runtime& runtime, LoadBias bias,
                                      uint64_t code, const FirstArgument& first);

}  // namespace pyebpf::python
