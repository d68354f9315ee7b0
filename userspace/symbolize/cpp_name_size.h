// SPDX-License-Identifier: Apache-2.0
// Tells how long a mangled C++ name can become before it is decoded.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pyebpf::symbolize {

// An upper bound of the bytes of the decoded text (often ten times too much), or nullopt if the
// name is not well-formed as far as this reader knows the grammar. Takes time linear in the name,
// whatever the bound is.
//
// Each back reference repeats the text of an earlier part, so that 10 bytes of name double the
// text: the decoder of the C++ library fills the memory on "_Z1f1PIiiES_IS0_S0_ES_IS1_S1_E…".
[[nodiscard]] std::optional<uint64_t> cpp_name_size(std::string_view mangled);

}  // namespace pyebpf::symbolize
