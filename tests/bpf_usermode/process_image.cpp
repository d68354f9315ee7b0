// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf_usermode/process_image.h"

#include <fmt/format.h>

#include <charconv>
#include <functional>
#include <map>

namespace pyebpf::test {

namespace {

constexpr std::string_view kFirstLine = "pyebpf process image 1";
constexpr uint64_t kMaxRegionBytes = 1 << 20;

// A number of the thread's description, by its name in the file.
struct Field {
    std::string_view name;
    std::function<uint64_t(const python_thread&)> get;
    std::function<void(python_thread&, uint64_t)> set;
};

#define IMAGE_FIELD(path)                                                               \
    Field {                                                                             \
        #path, [](const python_thread& t) { return static_cast<uint64_t>(t.path); },    \
            [](python_thread& t, uint64_t value) {                                      \
                t.path = static_cast<std::remove_reference_t<decltype(t.path)>>(value); \
            }                                                                           \
    }

const std::vector<Field>& fields() {
    static const std::vector<Field> all = {
        IMAGE_FIELD(thread_pointer),
        IMAGE_FIELD(stack_pointer),
        IMAGE_FIELD(by_list),
        IMAGE_FIELD(process.layout),
        IMAGE_FIELD(process.sources),
        IMAGE_FIELD(process.tls_offset),
        IMAGE_FIELD(process.tls_gilstate_offset),
        IMAGE_FIELD(process.tls_module_slot),
        IMAGE_FIELD(process.key_address),
        IMAGE_FIELD(process.current_address),
        IMAGE_FIELD(process.code_type),
        IMAGE_FIELD(process.none),
        IMAGE_FIELD(process.gil),
        IMAGE_FIELD(process.collecting),
        IMAGE_FIELD(process.tls_module),
        IMAGE_FIELD(process.key_has_flag),
        IMAGE_FIELD(process.libc),
        IMAGE_FIELD(layout.major),
        IMAGE_FIELD(layout.minor),
        IMAGE_FIELD(layout.frame_style),
        IMAGE_FIELD(layout.boundary_style),
        IMAGE_FIELD(layout.shim_owner),
        IMAGE_FIELD(layout.lasti_shift),
        IMAGE_FIELD(layout.debug_build),
        IMAGE_FIELD(layout.free_threaded),
        IMAGE_FIELD(layout.code_mask),
        IMAGE_FIELD(layout.thread_state.interp),
        IMAGE_FIELD(layout.thread_state.frame),
        IMAGE_FIELD(layout.thread_state.cframe),
        IMAGE_FIELD(layout.thread_state.base_frame),
        IMAGE_FIELD(layout.thread_state.thread_id),
        IMAGE_FIELD(layout.thread_state.native_thread_id),
        IMAGE_FIELD(layout.thread_state.status),
        IMAGE_FIELD(layout.thread_state.holds_gil),
        IMAGE_FIELD(layout.thread_state.raised),
        IMAGE_FIELD(layout.thread_state.handled),
        IMAGE_FIELD(layout.thread_state.handled_previous),
        IMAGE_FIELD(layout.interpreter.gil),
        IMAGE_FIELD(layout.interpreter.collecting),
        IMAGE_FIELD(layout.cframe.current_frame),
        IMAGE_FIELD(layout.cframe.previous),
        IMAGE_FIELD(layout.frame.code),
        IMAGE_FIELD(layout.frame.previous),
        IMAGE_FIELD(layout.frame.instruction),
        IMAGE_FIELD(layout.frame.owner),
        IMAGE_FIELD(layout.frame.entry),
        IMAGE_FIELD(layout.frame.is_generator),
        IMAGE_FIELD(layout.frame.localsplus),
        IMAGE_FIELD(layout.frame.first_read),
        IMAGE_FIELD(layout.frame.read_bytes),
        IMAGE_FIELD(layout.frame.tlbc_index),
        IMAGE_FIELD(layout.code.argument_count),
        IMAGE_FIELD(layout.code.flags),
        IMAGE_FIELD(layout.code.first_line),
        IMAGE_FIELD(layout.code.file_name),
        IMAGE_FIELD(layout.code.name),
        IMAGE_FIELD(layout.code.qualified_name),
        IMAGE_FIELD(layout.code.line_table),
        IMAGE_FIELD(layout.code.first_traceable),
        IMAGE_FIELD(layout.code.instructions),
        IMAGE_FIELD(layout.code.variable_names),
        IMAGE_FIELD(layout.code.read_bytes),
        IMAGE_FIELD(layout.code.tlbc),
        IMAGE_FIELD(layout.object.type),
        IMAGE_FIELD(layout.object.var_size),
        IMAGE_FIELD(layout.object.type_name),
        IMAGE_FIELD(layout.text.length),
        IMAGE_FIELD(layout.text.state),
        IMAGE_FIELD(layout.text.ascii_data),
        IMAGE_FIELD(layout.text.compact_data),
        IMAGE_FIELD(layout.text.bytes_data),
        IMAGE_FIELD(layout.text.kind_shift),
        IMAGE_FIELD(layout.text.is_bytes),
        IMAGE_FIELD(layout.text.compact_bit),
        IMAGE_FIELD(layout.text.ascii_bit),
        IMAGE_FIELD(layout.tuple_items),
        IMAGE_FIELD(layout.thread_state_bytes),
    };
    return all;
}

// Takes a word from the front of line.
std::string_view take_word(std::string_view& line) {
    const size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return word;
}

template <class T>
bool take_number(std::string_view& line, T& value, int base) {
    const std::string_view word = take_word(line);
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
    return error == std::errc{} && end == word.data() + word.size();
}

bool take_line(std::string_view line, ProcessImage& image) {
    const std::string_view keyword = take_word(line);
    uint64_t address = 0;
    uint64_t value = 0;
    if (keyword == "python") {
        image.python = line;
        return true;
    }
    if (keyword == "frame") {
        ImageFrame frame;
        if (!take_number(line, frame.line, 10)) return false;
        frame.name = line;
        image.frames.push_back(std::move(frame));
        return true;
    }
    if (keyword == "region") {
        if (!take_number(line, address, 16) || !take_number(line, value, 10) ||
            value > kMaxRegionBytes)
            return false;
        image.memory.add(address, std::vector<uint8_t>(value));
        return true;
    }
    if (keyword == "word") {
        if (!take_number(line, address, 16) || !take_number(line, value, 16)) return false;
        // The last word of a region may be cut by its end.
        const auto after = image.memory.regions().upper_bound(address);
        if (after == image.memory.regions().begin()) return false;
        auto& [start, bytes] = *std::prev(after);
        if (address - start >= bytes.size()) return false;
        std::memcpy(bytes.data() + (address - start), &value,
                    std::min(sizeof(value), bytes.size() - (address - start)));
        return true;
    }
    for (const Field& field : fields()) {
        if (field.name != keyword) continue;
        if (!take_number(line, value, 16)) return false;
        field.set(image.thread, value);
        return true;
    }
    return false;
}

}  // namespace

std::string to_text(const ProcessImage& image) {
    std::string text = fmt::format("{}\npython {}\n", kFirstLine, image.python);
    for (const Field& field : fields()) {
        const uint64_t value = field.get(image.thread);
        if (value != 0) text += fmt::format("{} {:x}\n", field.name, value);
    }
    for (const ImageFrame& frame : image.frames)
        text += fmt::format("frame {} {}\n", frame.line, frame.name);
    for (const auto& [address, bytes] : image.memory.regions()) {
        text += fmt::format("region {:x} {}\n", address, bytes.size());
        for (size_t at = 0; at < bytes.size(); at += sizeof(uint64_t)) {
            uint64_t value = 0;
            std::memcpy(&value, bytes.data() + at, std::min(sizeof(value), bytes.size() - at));
            if (value != 0) text += fmt::format("word {:x} {:x}\n", address + at, value);
        }
    }
    return text;
}

Result<ProcessImage> parse_process_image(std::string_view text) {
    ProcessImage image;
    for (size_t number = 1; !text.empty(); ++number) {
        const size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (number == 1 ? line != kFirstLine : !take_line(line, image)) {
            return fail(
                fmt::format("line {} of a process image is not understood: {}", number, line));
        }
    }
    return image;
}

}  // namespace pyebpf::test
