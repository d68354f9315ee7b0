// SPDX-License-Identifier: Apache-2.0
#include "output/json_stream.h"

namespace pyebpf::output {

void JsonStream::key(std::string_view name) {
    text(name);
    sink_.write(":");
    needs_comma_ = false;
}

void JsonStream::text(std::string_view printable) {
    std::string quoted = "\"";
    for (const char c : printable) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    raw(quoted += '"');
}

void JsonStream::raw(std::string_view json) {
    comma();
    sink_.write(json);
}

void JsonStream::open(std::string_view bracket) {
    raw(bracket);
    needs_comma_ = false;
}

void JsonStream::close(std::string_view bracket) {
    sink_.write(bracket);
    needs_comma_ = true;
}

void JsonStream::comma() {
    if (needs_comma_) sink_.write(",");
    needs_comma_ = true;
}

std::string decimal(uint64_t value, int digits) {
    uint64_t scale = 1;
    for (int i = 0; i < digits; i++) scale *= 10;
    return fmt::format("{}.{:0{}}", value / scale, value % scale, digits);
}

}  // namespace pyebpf::output
