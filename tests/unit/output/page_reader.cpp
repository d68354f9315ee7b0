// SPDX-License-Identifier: Apache-2.0
#include "page_reader.h"

#include <cstdint>

namespace pyebpf::output::test {

using nlohmann::json;

namespace {

uint64_t byte_at(std::string_view bytes, size_t at) {
    return static_cast<uint8_t>(bytes.at(at));
}

json values(std::string_view bytes, const json& column, size_t rows) {
    json result = json::array();
    uint64_t previous = 0;
    for (size_t row = 0; row < rows; row++) {
        uint64_t value = static_cast<uint64_t>(column["base"].get<int64_t>());
        for (size_t byte = 0; byte < column["bytes"]; byte++)
            value += byte_at(bytes, column["at"].get<size_t>() + byte * rows + row) << (8 * byte);
        if (column.contains("deltas")) value += previous;
        previous = value;
        result.push_back(static_cast<int64_t>(value));
    }
    return result;
}

}  // namespace

json read_page_data(std::string_view bytes) {
    size_t length = 0;
    for (size_t byte = 0; byte < 4; byte++)
        length |= byte_at(bytes, bytes.size() - 4 + byte) << (8 * byte);
    json data = json::parse(bytes.substr(bytes.size() - 4 - length, length));
    for (auto& table : data) {
        if (!table.is_object() || !table.contains("rows")) continue;
        const size_t rows = table["rows"];
        table.erase("rows");
        for (auto& column : table) column = values(bytes, column, rows);
    }
    return data;
}

}  // namespace pyebpf::output::test
