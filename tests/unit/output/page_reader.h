// SPDX-License-Identifier: Apache-2.0
// Reads the tables of the HTML page back: the JSON object, each column in it replaced by the array
// of its values.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace pyebpf::output::test {

[[nodiscard]] nlohmann::json read_page_data(std::string_view bytes);

}  // namespace pyebpf::output::test
