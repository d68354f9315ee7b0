// SPDX-License-Identifier: Apache-2.0
// The binary form of the page's tables (docs/formats/html.md): columns of numbers, then a JSON
// object that says where each is, then the length of that object.
//
//   ┌─────────┬─────────┬───┬────────────┬────────────────┐
//   │ column  │ column  │ … │ JSON       │ u32 its length │
//   └─────────┴─────────┴───┴────────────┴────────────────┘
//
// A column is stored in as few bytes a value as its range needs, first all lowest bytes, then all
// next ones …: what deflate makes most of.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string_view>

#include "base/sink.h"

namespace pyebpf::output {

enum class ColumnForm : uint8_t {
    kPlain,
    kDeltas,  // differences to the row before: for what grows from row to row
};

class PageColumns {
  public:
    explicit PageColumns(Sink& sink) : sink_(sink) {}

    // Writes a column; returns what a reader must know of it, a part of the JSON object.
    [[nodiscard]] nlohmann::json write(std::span<const int64_t> values,
                                       ColumnForm form = ColumnForm::kPlain);
    // Ends the tables.
    void end(const nlohmann::json& directory);

  private:
    Sink& sink_;
    uint64_t written_ = 0;
};

}  // namespace pyebpf::output
