// SPDX-License-Identifier: Apache-2.0
#include "python/live_reader.h"

#include <algorithm>
#include <cstring>

namespace pyebpf::python {

namespace {

constexpr size_t kMaxTableBytes = 1 << 20;
constexpr size_t kMaxInterpreters = 1024;
constexpr size_t kMaxThreads = 65536;

// A structure's copy; fields beyond its end are 0.
class Fields {
  public:
    explicit Fields(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}

    [[nodiscard]] uint64_t u64(uint32_t offset) const { return take<uint64_t>(offset); }
    [[nodiscard]] uint32_t u32(uint32_t offset) const { return take<uint32_t>(offset); }

  private:
    template <class T>
    [[nodiscard]] T take(uint32_t offset) const {
        T value{};
        if (offset + sizeof(T) <= bytes_.size())
            std::memcpy(&value, bytes_.data() + offset, sizeof(T));
        return value;
    }
    std::vector<uint8_t> bytes_;
};

std::optional<Fields> read_fields(const ReadMemory& read, uint64_t address, size_t bytes) {
    std::vector<uint8_t> copy(bytes);
    if (address == 0 || !read(address, copy.data(), bytes)) return std::nullopt;
    return Fields(std::move(copy));
}

std::optional<uint64_t> read_u64(const ReadMemory& read, uint64_t address) {
    uint64_t value = 0;
    if (address == 0 || !read(address, &value, sizeof(value))) return std::nullopt;
    return value;
}

void append_utf8(std::string& text, uint32_t code_point) {
    if (code_point > 0x10ffff || (code_point >= 0xd800 && code_point < 0xe000)) code_point = 0xfffd;
    if (code_point < 0x80) {
        text += static_cast<char>(code_point);
    } else if (code_point < 0x800) {
        text += static_cast<char>(0xc0 | code_point >> 6);
        text += static_cast<char>(0x80 | (code_point & 63));
    } else if (code_point < 0x10000) {
        text += static_cast<char>(0xe0 | code_point >> 12);
        text += static_cast<char>(0x80 | (code_point >> 6 & 63));
        text += static_cast<char>(0x80 | (code_point & 63));
    } else {
        text += static_cast<char>(0xf0 | code_point >> 18);
        text += static_cast<char>(0x80 | (code_point >> 12 & 63));
        text += static_cast<char>(0x80 | (code_point >> 6 & 63));
        text += static_cast<char>(0x80 | (code_point & 63));
    }
}

template <class Unit>
std::string decode_units(std::span<const uint8_t> bytes) {
    std::string text;
    for (size_t at = 0; at + sizeof(Unit) <= bytes.size(); at += sizeof(Unit)) {
        Unit unit;
        std::memcpy(&unit, bytes.data() + at, sizeof(unit));
        append_utf8(text, unit);
    }
    return text;
}

RawText read_bytes(const ReadMemory& read, uint64_t address, uint64_t bytes, text_encoding encoding,
                   size_t max_bytes) {
    RawText text;
    const size_t take = std::min<uint64_t>(bytes, max_bytes) & ~size_t{3};
    text.bytes.resize(bytes <= max_bytes ? bytes : take);
    text.is_cut = text.bytes.size() < bytes;
    if (!text.bytes.empty() && !read(address, text.bytes.data(), text.bytes.size())) return {};
    text.encoding = encoding;
    return text;
}

}  // namespace

std::string decode_text(std::span<const uint8_t> bytes, uint16_t encoding) {
    switch (encoding) {
        case TEXT_LATIN1:
            return decode_units<uint8_t>(bytes);
        case TEXT_UCS2:
            return decode_units<uint16_t>(bytes);
        case TEXT_UCS4:
            return decode_units<uint32_t>(bytes);
        default:
            return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
}

// CPython Include/cpython/unicodeobject.h; the layout tells where each version has the fields.
RawText read_text(const ReadMemory& read, const python_layout& layout, uint64_t address,
                  size_t max_bytes) {
    if (layout.text.is_bytes != 0) return read_byte_string(read, layout, address, max_bytes);
    const auto head = read_fields(read, address, layout.text.state + sizeof(uint32_t));
    if (!head) return {};
    const uint64_t length = head->u64(layout.text.length);
    const uint32_t state = head->u32(layout.text.state);
    const uint32_t width = state >> layout.text.kind_shift & 7;
    const bool is_compact = (state & layout.text.compact_bit) != 0;
    const bool is_ascii = (state & layout.text.ascii_bit) != 0;
    uint64_t data = address + (is_ascii ? layout.text.ascii_data : layout.text.compact_data);
    if (!is_compact) {
        const auto pointer = read_u64(read, address + layout.text.compact_data);
        if (!pointer) return {};
        data = *pointer;
    }
    if (is_ascii) return read_bytes(read, data, length, TEXT_BYTES, max_bytes);
    const text_encoding encoding = width == 1   ? TEXT_LATIN1
                                   : width == 2 ? TEXT_UCS2
                                   : width == 4 ? TEXT_UCS4
                                                : TEXT_MISSING;
    if (encoding == TEXT_MISSING || length > UINT64_MAX / width) return {};
    return read_bytes(read, data, length * width, encoding, max_bytes);
}

RawText read_byte_string(const ReadMemory& read, const python_layout& layout, uint64_t address,
                         size_t max_bytes) {
    const auto length = read_u64(read, address + layout.object.var_size);
    if (address == 0 || !length) return {};
    return read_bytes(read, address + layout.text.bytes_data, *length, TEXT_BYTES, max_bytes);
}

std::optional<LiveCode> read_code(const ReadMemory& read, const python_layout& layout,
                                  uint64_t code_type, uint64_t address) {
    const auto head = read_fields(read, address, layout.code.read_bytes);
    if (!head || head->u64(layout.object.type) != code_type) return std::nullopt;
    const bool has_qualified_name = layout.code.qualified_name != LAYOUT_ABSENT;
    LiveCode code;
    code.name =
        read_text(read, layout,
                  head->u64(has_qualified_name ? layout.code.qualified_name : layout.code.name));
    code.file = read_text(read, layout, head->u64(layout.code.file_name));
    code.first_line = static_cast<int32_t>(head->u32(layout.code.first_line));
    code.flags = head->u32(layout.code.flags);
    if (layout.code.first_traceable != LAYOUT_ABSENT)
        code.first_traceable = head->u32(layout.code.first_traceable);
    const uint64_t table = head->u64(layout.code.line_table);
    const auto table_bytes = read_u64(read, table + layout.object.var_size);
    if (table_bytes && *table_bytes <= kMaxTableBytes) {
        code.line_table.resize(*table_bytes);
        if (!code.line_table.empty() &&
            !read(table + layout.text.bytes_data, code.line_table.data(), code.line_table.size())) {
            code.line_table.clear();
        }
    }
    // The object may have been freed and replaced meanwhile: believe it only if its head has not
    // changed.
    const auto again = read_fields(read, address, layout.code.read_bytes);
    if (!again || again->u64(layout.code.name) != head->u64(layout.code.name) ||
        again->u64(layout.code.line_table) != head->u64(layout.code.line_table)) {
        return std::nullopt;
    }
    return code;
}

std::vector<LiveThread> read_threads(const ReadMemory& read, const Runtime& runtime,
                                     LoadBias bias) {
    std::vector<LiveThread> threads;
    if (runtime.interpreters_head.value == 0) return threads;
    uint64_t interpreter = read_u64(read, (runtime.interpreters_head + bias).value).value_or(0);
    for (size_t i = 0; interpreter != 0 && i < kMaxInterpreters; ++i) {
        uint64_t thread = read_u64(read, interpreter + runtime.interpreter_threads).value_or(0);
        while (thread != 0 && threads.size() < kMaxThreads) {
            const auto thread_pointer =
                read_u64(read, thread + runtime.layout.thread_state.thread_id);
            if (!thread_pointer) break;
            threads.push_back({thread, *thread_pointer});
            thread = read_u64(read, thread + runtime.thread_next).value_or(0);
        }
        interpreter = read_u64(read, interpreter + runtime.interpreter_next).value_or(0);
    }
    return threads;
}

LiveFrame read_outermost_frame(const ReadMemory& read, const python_layout& layout,
                               uint64_t thread_state) {
    uint64_t frame = read_u64(read, thread_state + layout.thread_state.frame).value_or(0);
    if (frame != 0 && layout.cframe.current_frame != LAYOUT_ABSENT)
        frame = read_u64(read, frame + layout.cframe.current_frame).value_or(0);
    uint64_t outermost = 0;
    for (size_t i = 0; frame != 0; ++i) {
        if (i == kMaxLiveFrames) return {};
        uint8_t owner = 0;
        if (layout.shim_owner != 0 && !read(frame + layout.frame.owner, &owner, sizeof(owner)))
            return {};
        if (layout.shim_owner == 0 || owner < layout.shim_owner) outermost = frame;
        const auto previous = read_u64(read, frame + layout.frame.previous);
        if (!previous) return {};
        frame = *previous;
    }
    if (outermost == 0) return {};
    const auto code = read_u64(read, outermost + layout.frame.code);
    return {code.value_or(0) & layout.code_mask, outermost};
}

FirstArgument find_first_argument(const ReadMemory& read, const python_layout& layout,
                                  uint64_t thread_state, uint64_t code) {
    if (layout.frame_style != FRAME_STYLE_OBJECT || thread_state == 0) return {};
    uint64_t frame = read_u64(read, thread_state + layout.thread_state.frame).value_or(0);
    for (size_t i = 0; frame != 0 && i < kMaxLiveFrames; ++i) {
        if (read_u64(read, frame + layout.frame.code) == code) {
            const uint64_t object = read_u64(read, frame + layout.frame.localsplus).value_or(0);
            if (object == 0) return {};
            return {object, read_u64(read, object + layout.object.type).value_or(0)};
        }
        frame = read_u64(read, frame + layout.frame.previous).value_or(0);
    }
    return {};
}

}  // namespace pyebpf::python
