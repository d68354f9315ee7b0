// SPDX-License-Identifier: Apache-2.0
// The flat table of a report: how much each function, line, file, module, process, thread or
// container took, by itself and with all that it called.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "report/amounts.h"
#include "report/view.h"

namespace pyebpf::report {

struct FlatOptions {
    enum class Key : uint8_t {
        kFunction,
        kLine,
        kFile,
        kModule,
        kProcess,
        kThread,
        kContainer,
    };
    Key key = Key::kFunction;
    bool sort_by_total = false;
    size_t top = 30;  // rows; 0: all
};

// "function", "line" … in the order of Key.
[[nodiscard]] std::span<const std::string_view> flat_key_names();
[[nodiscard]] Result<FlatOptions::Key> flat_key(std::string_view name);

class FlatTable {
  public:
    struct Row {
        profile::Frame frame;  // of functions and lines
        std::string name;      // of everything else; harmless
        Amount amount;
    };

    FlatTable(const StackAmounts& amounts, const FlatOptions& options);

    // The largest first, ties by name; at most `top`.
    [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }
    [[nodiscard]] std::string text(const ViewOptions& view) const;
    [[nodiscard]] std::string json() const;

  private:
    void add_frame_groups();
    void add_thread_groups();
    void sort();
    // Processes, threads and containers have nothing below them: only a total.
    [[nodiscard]] bool has_self() const { return options_.key < FlatOptions::Key::kProcess; }
    [[nodiscard]] bool has_frames() const { return options_.key <= FlatOptions::Key::kLine; }

    const StackAmounts& amounts_;
    FlatOptions options_;
    std::vector<Row> rows_;
    size_t left_out_ = 0;  // rows beyond the top
};

}  // namespace pyebpf::report
