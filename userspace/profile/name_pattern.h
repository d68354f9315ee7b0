// SPDX-License-Identifier: Apache-2.0
// How a user names functions, files and threads: in whole, by a telling part, or with wildcards
// ('*': any text, '?': any byte).
#pragma once

#include <string_view>

namespace pyebpf::profile {

[[nodiscard]] bool matches_text(std::string_view pattern, std::string_view text);

// Also the last part of a qualified name, without arguments: "handle" for "Handler.handle", "step"
// for "solver::step(int)".
[[nodiscard]] bool matches_function(std::string_view pattern, std::string_view function);

// Also one part of a path, the last one without its extension too: "numpy", "views.py" and "views"
// for "/srv/numpy/views.py".
[[nodiscard]] bool matches_path(std::string_view pattern, std::string_view path);

}  // namespace pyebpf::profile
