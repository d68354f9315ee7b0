// SPDX-License-Identifier: Apache-2.0
#include "pipeline/python_variables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "pipeline/process_memory.h"
#include "pipeline/stack_store.h"

namespace pyebpf::pipeline {

namespace {

constexpr size_t kMaxVariableBytes = 128;
constexpr size_t kMaxValueBytes = 80;         // of str and bytes, as they are in memory
constexpr size_t kMaxDigits = 4;              // of 30 bits: larger ints are described
constexpr size_t kMaxRememberedNames = 4096;  // names of code objects and types of a process

template <class T>
std::optional<T> read_value(const python::ReadMemory& read, uint64_t address) {
    T value{};
    if (address == 0 || !read(address, &value, sizeof(value))) return std::nullopt;
    return value;
}

// A C string, in pieces that do not leave its page before it ends.
std::string read_c_string(const python::ReadMemory& read, uint64_t address) {
    constexpr uint64_t kPiece = 32;
    std::string text;
    while (text.size() < kMaxVariableBytes) {
        std::array<char, kPiece> piece{};
        const uint64_t at = address + text.size();
        const size_t bytes = kPiece - at % kPiece;
        if (!read(at, piece.data(), bytes)) return {};
        const size_t length = strnlen(piece.data(), bytes);
        text.append(piece.data(), length);
        if (length < bytes) return text;
    }
    return {};
}

std::string decimal(unsigned __int128 value, bool is_negative) {
    std::string digits;
    do {
        digits += static_cast<char>('0' + static_cast<int>(value % 10));
        value /= 10;
    } while (value != 0);
    if (is_negative) digits += '-';
    std::ranges::reverse(digits);
    return digits;
}

// CPython Include/cpython/longintrepr.h: digits of 30 bits, least significant first. Up to 3.11
// their number is that of the variable part, negative for negative ints; later it is in lv_tag,
// above the sign and a reserved bit. In Python 2 this is `long`.
std::string describe_int(const python::ReadMemory& read, const python_layout& layout,
                         uint64_t object) {
    const bool has_tag = layout.major == 3 && layout.minor >= 12;
    const auto head = read_value<int64_t>(read, object + layout.object.var_size);
    if (!head) return {};
    const auto tag = static_cast<uint64_t>(*head);
    const bool is_negative = has_tag ? (tag & 3) == 2 : *head < 0;
    const uint64_t count = has_tag ? tag >> 3 : is_negative ? 0 - tag : tag;
    if (count == 0 || (has_tag && (tag & 3) == 1)) return "0";
    if (count > kMaxDigits) return fmt::format("<int of {} bits>", (count - 1) * 30 + 1);
    unsigned __int128 value = 0;
    for (uint64_t i = count; i-- > 0;) {
        const auto digit = read_value<uint32_t>(
            read, object + layout.object.var_size + sizeof(uint64_t) + i * sizeof(uint32_t));
        if (!digit) return {};
        value = value << 30 | (*digit & 0x3fffffff);
    }
    return decimal(value, is_negative);
}

std::string describe_float(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
    std::string text = fmt::format("{}", value);  // the shortest that reads back as the same
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    return text;
}

std::string quoted(std::string_view text, bool is_cut) {
    std::string result = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') result += '\\';
        result += c;
    }
    return result + (is_cut ? "…'" : "'");
}

std::string describe_text(const python::RawText& text) {
    if (text.encoding == TEXT_MISSING) return {};
    return quoted(python::decode_text(text.bytes, text.encoding), text.is_cut);
}

std::string describe_bytes(const python::RawText& text) {
    if (text.encoding == TEXT_MISSING) return {};
    std::string result = "b'";
    for (const uint8_t byte : text.bytes) {
        if (byte == '\'' || byte == '\\') {
            result += fmt::format("\\{}", static_cast<char>(byte));
        } else if (byte >= 0x20 && byte < 0x7f) {
            result += static_cast<char>(byte);
        } else {
            result += fmt::format("\\x{:02x}", byte);
        }
    }
    return result + (text.is_cut ? "…'" : "'");
}

}  // namespace

std::string describe_value(const python::ReadMemory& read, const python_layout& layout,
                           std::string_view type, uint64_t object) {
    const uint64_t body = object + layout.object.var_size;  // what follows PyObject's own fields
    if (type == "NoneType") return "None";
    if (type == "bool") {
        if (layout.major == 2) {
            const auto value = read_value<int64_t>(read, body);
            return !value ? "" : *value != 0 ? "True" : "False";
        }
        const std::string value = describe_int(read, layout, object);
        return value.empty() ? "" : value == "0" ? "False" : "True";
    }
    if (type == "int" && layout.major == 2) {
        const auto value = read_value<int64_t>(read, body);
        return value ? std::to_string(*value) : "";
    }
    if (type == "int" || type == "long") return describe_int(read, layout, object);
    if (type == "float") {
        const auto value = read_value<double>(read, body);
        return value ? describe_float(*value) : "";
    }
    if (type == "str")
        return describe_text(python::read_text(read, layout, object, kMaxValueBytes));
    if (type == "bytes")
        return describe_bytes(python::read_byte_string(read, layout, object, kMaxValueBytes));
    return fmt::format("<{} at {:#x}>", type, object);
}

std::vector<Variable> VariableReader::read(uint32_t pid, const python_layout& layout, uint64_t code,
                                           uint64_t frame) {
    const python::ReadMemory read_memory = memory_of(pid);
    Process& process = processes_[pid];
    if (process.names.size() + process.types.size() > kMaxRememberedNames) process = {};

    const auto [names, is_new] = process.names.try_emplace(code);
    if (is_new) {
        const uint64_t tuple =
            read_value<uint64_t>(read_memory, code + layout.code.variable_names).value_or(0);
        const uint64_t count =
            tuple == 0
                ? 0
                : read_value<uint64_t>(read_memory, tuple + layout.object.var_size).value_or(0);
        for (uint64_t i = 0; i < std::min<uint64_t>(count, kMaxVariables); ++i) {
            const uint64_t name =
                read_value<uint64_t>(read_memory, tuple + layout.tuple_items + i * sizeof(uint64_t))
                    .value_or(0);
            const python::RawText text =
                python::read_text(read_memory, layout, name, kMaxVariableBytes);
            names->second.push_back(python::decode_text(text.bytes, text.encoding));
        }
    }

    const auto type_of = [&](uint64_t object) -> const std::string& {
        static const std::string kUnknown;
        const auto type = read_value<uint64_t>(read_memory, object + layout.object.type);
        if (!type || *type == 0) return kUnknown;
        const auto [known, is_new_type] = process.types.try_emplace(*type);
        if (is_new_type) {
            const auto name = read_value<uint64_t>(read_memory, *type + layout.object.type_name);
            if (name) known->second = read_c_string(read_memory, *name);
        }
        return known->second;
    };
    // From 3.14 on the low bits of a slot are not part of the address (layout.code_mask).
    std::vector<uint64_t> slots(names->second.size());
    if (slots.empty() || !read_memory(frame + layout.frame.localsplus, slots.data(),
                                      slots.size() * sizeof(uint64_t)))
        return {};
    std::vector<Variable> variables;
    for (size_t i = 0; i < slots.size(); ++i) {
        uint64_t object = slots[i] & layout.code_mask;
        if (object == 0 || names->second[i].empty()) continue;  // not bound
        if (type_of(object) == "cell") {                        // shared with a nested function
            object = read_value<uint64_t>(read_memory, object + layout.object.var_size).value_or(0);
            if (object == 0) continue;
        }
        const std::string& type = type_of(object);
        if (type.empty()) continue;
        std::string value = describe_value(read_memory, layout, type, object);
        if (!value.empty()) variables.push_back({names->second[i], std::move(value)});
    }
    return variables;
}

}  // namespace pyebpf::pipeline
