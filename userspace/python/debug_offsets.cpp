// SPDX-License-Identifier: Apache-2.0
#include "python/debug_offsets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>

namespace pyebpf::python {
namespace {

constexpr std::string_view kCookie = "xdebugpy";
constexpr uint64_t kVersionPosition = 8;  // cookie, version, free_threaded: the same in 3.13 - 3.15
constexpr uint64_t kFreeThreadedPosition = 16;

// Bounds of structures, well above the largest known (interpreter state: 384 KB in 3.12).
constexpr uint64_t kMaxInterpreterBytes = uint64_t{8} << 20;
constexpr uint64_t kMaxRuntimeBytes = 60000;  // its fields that we read are in the first 4 KB
constexpr uint64_t kMaxThreadBytes = 16384;
constexpr uint64_t kMaxFrameBytes = 128;
constexpr uint64_t kMaxCodeBytes = 1024;
constexpr uint64_t kMaxObjectBytes = 256;

// Reads numbers of the table; the first one out of bounds is remembered, and all later reads do
// nothing.
class TableReader {
  public:
    explicit TableReader(std::span<const uint8_t> table) : table_(table) {}

    // A structure's size, more than `least` and at most `most`.
    uint64_t size(uint16_t position, const char* name, uint64_t most) {
        const uint64_t value = number(position, name);
        if (value == 0 || value > most) refuse(name, value);
        return value;
    }

    // A field that this version's table has: sets `into` if it lies within `bytes` bytes. Absent
    // positions leave it alone.
    template <class Number>
    void field(uint16_t position, const char* name, uint64_t bytes, Number& into) {
        if (position == kAbsent) return;
        const uint64_t value = number(position, name);
        if (value >= bytes) refuse(name, value);
        if (error_.empty()) into = static_cast<Number>(value);
    }

    [[nodiscard]] const std::string& error() const { return error_; }

  private:
    uint64_t number(uint16_t position, const char* name) {
        uint64_t value = 0;
        if (size_t{position} + sizeof(value) > table_.size()) {
            refuse(name, position);
        } else {
            std::memcpy(&value, table_.data() + position, sizeof(value));
        }
        return value;
    }

    void refuse(const char* name, uint64_t value) {
        if (error_.empty())
            error_ = fmt::format("its debug-offsets table says {} for {}", value, name);
    }

    std::span<const uint8_t> table_;
    std::string error_;
};

struct FieldBytes {
    uint16_t offset;
    uint16_t bytes;
};

// [first, end) of the fields that exist.
std::pair<uint32_t, uint32_t> span_of(std::initializer_list<FieldBytes> fields) {
    uint32_t first = UINT32_MAX;
    uint32_t end = 0;
    for (const FieldBytes& field : fields) {
        if (field.offset == kAbsent) continue;
        first = std::min<uint32_t>(first, field.offset);
        end = std::max<uint32_t>(end, uint32_t{field.offset} + field.bytes);
    }
    return {first, end};
}

}  // namespace

std::optional<DebugOffsetsHead> read_debug_offsets_head(const elf::ElfFile& file,
                                                        StatedAddress runtime) {
    const auto head = file.at(runtime, kFreeThreadedPosition + 8);
    if (head.empty() || std::memcmp(head.data(), kCookie.data(), kCookie.size()) != 0)
        return std::nullopt;
    const uint64_t version = file.read_u64(runtime + kVersionPosition).value_or(0);
    const uint64_t free_threaded = file.read_u64(runtime + kFreeThreadedPosition).value_or(0);
    return DebugOffsetsHead{static_cast<uint32_t>(version), free_threaded != 0};
}

Result<void> apply_debug_offsets(const elf::ElfFile& file, StatedAddress table,
                                 const Layout& layout, Runtime& runtime) {
    const DebugOffsetPositions& at = layout.debug_offsets;
    const auto bytes = file.at(table, at.size);
    if (at.size == 0 || bytes.empty()) return fail("its debug-offsets table is cut off");

    TableReader read(bytes);
    python_layout& walker = runtime.layout;
    uint64_t interpreters_head = 0;
    read.field(at.runtime_state_interpreters_head, "interpreters_head", kMaxRuntimeBytes,
               interpreters_head);

    const uint64_t interpreter =
        read.size(at.interpreter_state_size, "interpreter_state.size", kMaxInterpreterBytes);
    read.field(at.interpreter_state_next, "interpreter_state.next", interpreter,
               runtime.interpreter_next);
    read.field(at.interpreter_state_threads_head, "interpreter_state.threads_head", interpreter,
               runtime.interpreter_threads);

    const uint64_t thread = read.size(at.thread_state_size, "thread_state.size", kMaxThreadBytes);
    read.field(at.thread_state_next, "thread_state.next", thread, runtime.thread_next);
    read.field(at.thread_state_interp, "thread_state.interp", thread, walker.thread_state.interp);
    read.field(at.thread_state_current_frame, "thread_state.current_frame", thread,
               walker.thread_state.frame);
    read.field(at.thread_state_base_frame, "thread_state.base_frame", thread,
               walker.thread_state.base_frame);
    read.field(at.thread_state_thread_id, "thread_state.thread_id", thread,
               walker.thread_state.thread_id);
    read.field(at.thread_state_native_thread_id, "thread_state.native_thread_id", thread,
               walker.thread_state.native_thread_id);
    read.field(at.thread_state_status, "thread_state.status", thread, walker.thread_state.status);
    read.field(at.thread_state_holds_gil, "thread_state.holds_gil", thread,
               walker.thread_state.holds_gil);

    const uint64_t frame =
        read.size(at.interpreter_frame_size, "interpreter_frame.size", kMaxFrameBytes);
    read.field(at.interpreter_frame_previous, "interpreter_frame.previous", frame,
               walker.frame.previous);
    read.field(at.interpreter_frame_executable, "interpreter_frame.executable", frame,
               walker.frame.code);
    read.field(at.interpreter_frame_instr_ptr, "interpreter_frame.instr_ptr", frame,
               walker.frame.instruction);
    read.field(at.interpreter_frame_localsplus, "interpreter_frame.localsplus", frame,
               walker.frame.localsplus);
    read.field(at.interpreter_frame_owner, "interpreter_frame.owner", frame, walker.frame.owner);
    if (walker.free_threaded != 0) {
        read.field(at.interpreter_frame_tlbc_index, "interpreter_frame.tlbc_index", frame,
                   walker.frame.tlbc_index);
    }

    const uint64_t code = read.size(at.code_object_size, "code_object.size", kMaxCodeBytes);
    read.field(at.code_object_filename, "code_object.filename", code, walker.code.file_name);
    read.field(at.code_object_name, "code_object.name", code, walker.code.name);
    read.field(at.code_object_qualname, "code_object.qualname", code, walker.code.qualified_name);
    read.field(at.code_object_linetable, "code_object.linetable", code, walker.code.line_table);
    read.field(at.code_object_firstlineno, "code_object.firstlineno", code, walker.code.first_line);
    read.field(at.code_object_localsplusnames, "code_object.localsplusnames", code,
               walker.code.variable_names);
    read.field(at.code_object_co_code_adaptive, "code_object.co_code_adaptive", code,
               walker.code.instructions);
    if (walker.free_threaded != 0)
        read.field(at.code_object_co_tlbc, "code_object.co_tlbc", code, walker.code.tlbc);

    read.field(at.pyobject_ob_type, "pyobject.ob_type", kMaxObjectBytes, walker.object.type);
    read.field(at.type_object_tp_name, "type_object.tp_name", kMaxObjectBytes,
               walker.object.type_name);
    read.field(at.tuple_object_ob_item, "tuple_object.ob_item", kMaxObjectBytes,
               walker.tuple_items);
    read.field(at.bytes_object_ob_size, "bytes_object.ob_size", kMaxObjectBytes,
               walker.object.var_size);
    read.field(at.bytes_object_ob_sval, "bytes_object.ob_sval", kMaxObjectBytes,
               walker.text.bytes_data);
    read.field(at.unicode_object_state, "unicode_object.state", kMaxObjectBytes, walker.text.state);
    read.field(at.unicode_object_length, "unicode_object.length", kMaxObjectBytes,
               walker.text.length);
    read.field(at.unicode_object_asciiobject_size, "unicode_object.asciiobject_size",
               kMaxObjectBytes, walker.text.ascii_data);
    read.field(at.unicode_object_compactunicodeobject_size,
               "unicode_object.compactunicodeobject_size", kMaxObjectBytes,
               walker.text.compact_data);
    if (!read.error().empty()) return fail(read.error());

    runtime.interpreters_head = table + interpreters_head;
    return set_read_spans(walker);
}

Result<void> set_read_spans(python_layout& layout) {
    const auto& frame = layout.frame;
    const auto [first, end] = span_of({{frame.code, 8},
                                       {frame.previous, 8},
                                       {frame.instruction, 8},
                                       {frame.owner, 1},
                                       {frame.entry, 1},
                                       {frame.tlbc_index, 4},
                                       {frame.is_generator, 8}});
    const uint32_t begin = first / 8 * 8;
    const uint32_t bytes = (end - begin + 7) / 8 * 8;
    // Offsets are also masked with 127 in the walker, so that the span must be shorter than 128
    // bytes.
    if (first > end || bytes >= kMaxFrameBytes)
        return fail(fmt::format("its frames' fields span {} bytes", bytes));
    layout.frame.first_read = static_cast<uint16_t>(begin);
    layout.frame.read_bytes = static_cast<uint16_t>(bytes);

    const auto& code = layout.code;
    const auto [code_first, code_end] = span_of({{code.flags, 4},
                                                 {code.first_line, 4},
                                                 {code.file_name, 8},
                                                 {code.name, 8},
                                                 {code.qualified_name, 8},
                                                 {code.line_table, 8},
                                                 {code.first_traceable, 4},
                                                 {code.variable_names, 8},
                                                 {code.tlbc, 8},
                                                 {layout.object.type, 8},
                                                 {layout.object.var_size, 8},
                                                 {code.instructions, 0}});
    if (code_end > 256)
        return fail(fmt::format("its code objects' fields span {} bytes", code_end));
    layout.code.read_bytes = static_cast<uint16_t>(code_end);
    return {};
}

}  // namespace pyebpf::python
