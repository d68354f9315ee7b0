// SPDX-License-Identifier: Apache-2.0
#include "output/page_columns.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace pyebpf::output {

namespace {

// Two's complement differences: any two values have one.
int64_t difference(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

std::vector<int64_t> deltas(std::span<const int64_t> values) {
    std::vector<int64_t> result;
    result.reserve(values.size());
    int64_t previous = 0;
    for (const int64_t value : values) {
        result.push_back(difference(value, previous));
        previous = value;
    }
    return result;
}

}  // namespace

nlohmann::json PageColumns::write(std::span<const int64_t> values, ColumnForm form) {
    std::vector<int64_t> differences;
    if (form == ColumnForm::kDeltas) {
        differences = deltas(values);
        values = differences;
    }
    const auto [least, most] = std::ranges::minmax_element(values);
    const int64_t base = values.empty() ? 0 : *least;
    const auto range = values.empty() ? 0 : static_cast<uint64_t>(difference(*most, base));
    int bytes = 0;
    while (bytes < 8 && range >> (8 * bytes) != 0) bytes++;

    nlohmann::json column{{"at", written_}, {"bytes", bytes}, {"base", base}};
    if (form == ColumnForm::kDeltas) column["deltas"] = true;
    std::string plane(values.size(), '\0');
    for (int byte = 0; byte < bytes; byte++) {
        std::ranges::transform(values, plane.begin(), [&](int64_t value) {
            return static_cast<char>(static_cast<uint64_t>(difference(value, base)) >> (8 * byte));
        });
        sink_.write(plane);
        written_ += plane.size();
    }
    return column;
}

void PageColumns::end(const nlohmann::json& directory) {
    const std::string text =
        directory.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    sink_.write(text);
    std::string length(4, '\0');
    for (size_t byte = 0; byte < 4; byte++)
        length[byte] = static_cast<char>(text.size() >> (8 * byte));
    sink_.write(length);
}

}  // namespace pyebpf::output
