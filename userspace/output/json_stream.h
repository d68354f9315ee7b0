// SPDX-License-Identifier: Apache-2.0
// JSON that is written as it is made, for outputs that are too large for a document in memory.
// Keeps the commas right; what is opened must be closed by the caller.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <string>
#include <string_view>

#include "output/format.h"

namespace pyebpf::output {

class JsonStream {
  public:
    explicit JsonStream(Sink& sink) : sink_(sink) {}

    void begin_object() { open("{"); }
    void end_object() { close("}"); }
    void begin_array() { open("["); }
    void end_array() { close("]"); }
    void key(std::string_view name);
    // `printable`: valid UTF-8 without control characters, as name_text() gives.
    void text(std::string_view printable);
    template <class T>
        requires std::integral<T> || std::floating_point<T>  // bool too
    void number(T value) {
        raw(fmt::format("{}", value));
    }
    // A number that is written as it is, such as one of decimal().
    void raw(std::string_view json);
    void null() { raw("null"); }
    void line_end() { sink_.write("\n"); }

    void member(std::string_view name, std::string_view printable) {
        key(name);
        text(printable);
    }
    template <class T>
        requires std::integral<T> || std::floating_point<T>
    void member(std::string_view name, T value) {
        key(name);
        number(value);
    }
    // "name": [write(row), …]
    template <class Rows, class Write>
    void column(std::string_view name, const Rows& rows, Write write) {
        key(name);
        begin_array();
        for (const auto& row : rows) write(row);
        end_array();
        line_end();
    }

  private:
    void open(std::string_view bracket);
    void close(std::string_view bracket);
    void comma();

    Sink& sink_;
    bool needs_comma_ = false;
};

// value / 10^digits, exactly: decimal(1234567, 6) is "1.234567".
[[nodiscard]] std::string decimal(uint64_t value, int digits);

}  // namespace pyebpf::output
