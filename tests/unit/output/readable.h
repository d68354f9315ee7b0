// SPDX-License-Identifier: Apache-2.0
// Outputs that are not text, as text: what tests compare and search.
#pragma once

#include <string>
#include <string_view>

namespace pyebpf::output::test {

// gzip is unpacked; a protobuf or marshal file becomes one line per value, with the texts as they
// are. Aborts on bytes that are no such file.
[[nodiscard]] std::string readable(std::string_view format, const std::string& bytes);

}  // namespace pyebpf::output::test
