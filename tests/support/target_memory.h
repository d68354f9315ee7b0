// SPDX-License-Identifier: Apache-2.0
// Reads another process's Python state from outside, with the numbers of a Runtime: what the
// kernel's walker does, slowly and plainly, so that tests can check the numbers on a live
// interpreter. The target must be stopped or parked.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "python/line_table.h"
#include "python/runtime.h"

namespace pyebpf::test {

class TargetMemory {
  public:
    explicit TargetMemory(pid_t pid)
        : memory_(::open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDONLY | O_CLOEXEC)) {
    }

    bool read(uint64_t address, void* into, size_t bytes) const {
        return ::pread(memory_.get(), into, bytes, static_cast<off_t>(address)) ==
               static_cast<ssize_t>(bytes);
    }
    template <class T = uint64_t>
    T get(uint64_t address) const {
        T value{};
        if (!read(address, &value, sizeof(value))) return T{};
        return value;
    }

  private:
    UniqueFd memory_;
};

struct SeenFrame {
    std::string name;
    python::Location location;
};

class PythonProcess {
  public:
    PythonProcess(const TargetMemory& memory, const python::Runtime& runtime, LoadBias bias)
        : memory_(memory), runtime_(runtime), layout_(runtime.layout), bias_(bias) {}

    // All thread states, by the list of interpreters.
    std::vector<uint64_t> thread_states() const {
        std::vector<uint64_t> found;
        uint64_t interpreter = memory_.get((runtime_.interpreters_head + bias_).value);
        for (int i = 0; i < 16 && interpreter != 0; ++i) {
            uint64_t thread = memory_.get(interpreter + runtime_.interpreter_threads);
            for (int j = 0; j < 1000 && thread != 0; ++j) {
                found.push_back(thread);
                thread = memory_.get(thread + runtime_.thread_next);
            }
            interpreter = memory_.get(interpreter + runtime_.interpreter_next);
        }
        return found;
    }

    uint64_t thread_id(uint64_t thread_state) const {
        return memory_.get(thread_state + layout_.thread_state.thread_id);
    }

    // By one source; 0 if it has none now. fs: the thread pointer (glibc: pthread_self()).
    uint64_t by_tls(uint64_t fs) const {
        return by_tls_offset(fs, runtime_.tls_offset, runtime_.tls_offset_slot);
    }
    uint64_t by_tls_gilstate(uint64_t fs) const {
        return by_tls_offset(fs, runtime_.tls_gilstate_offset, runtime_.tls_gilstate_offset_slot);
    }
    uint64_t by_key(uint64_t fs) const {  // glibc's pthread_getspecific, x86-64 (2.31 to 2.43)
        const uint64_t key = memory_.get<uint32_t>((runtime_.key_address + bias_).value);
        if (key < 32) return memory_.get(fs + 0x310 + 16 * key + 8);
        return memory_.get(memory_.get(fs + 0x510 + 8 * (key >> 5)) + 16 * (key & 31) + 8);
    }
    uint64_t by_current() const { return memory_.get((runtime_.current_address + bias_).value); }

    // Leaf first.
    std::vector<SeenFrame> frames(uint64_t thread_state) const {
        std::vector<SeenFrame> found;
        uint64_t frame = memory_.get(thread_state + layout_.thread_state.frame);
        if (layout_.cframe.current_frame != LAYOUT_ABSENT)
            frame = memory_.get(frame + layout_.cframe.current_frame);
        const uint64_t base = layout_.thread_state.base_frame == LAYOUT_ABSENT
                                  ? 0
                                  : memory_.get(thread_state + layout_.thread_state.base_frame);
        for (int i = 0; i < 200 && frame != 0 && frame != base; ++i) {
            std::vector<uint8_t> fields(layout_.frame.first_read + layout_.frame.read_bytes);
            if (!memory_.read(frame + layout_.frame.first_read,
                              fields.data() + layout_.frame.first_read, layout_.frame.read_bytes))
                break;
            const bool is_shim =
                layout_.shim_owner != 0 && fields[layout_.frame.owner] >= layout_.shim_owner;
            if (!is_shim) found.push_back(seen(fields));
            frame = field<uint64_t>(fields, layout_.frame.previous);
        }
        return found;
    }

  private:
    template <class T>
    static T field(const std::vector<uint8_t>& bytes, size_t offset) {
        T value{};
        if (offset + sizeof(T) <= bytes.size())
            std::memcpy(&value, bytes.data() + offset, sizeof(T));
        return value;
    }

    uint64_t by_tls_offset(uint64_t fs, int64_t offset, StatedAddress offset_slot) const {
        if (runtime_.tls_is_static) return memory_.get(fs + static_cast<uint64_t>(offset));
        if (offset_slot.value != 0) {
            return memory_.get(fs + memory_.get((offset_slot + bias_).value) +
                               static_cast<uint64_t>(offset));
        }
        const uint64_t module = memory_.get((runtime_.tls_module_slot + bias_).value);
        const uint64_t block = memory_.get(memory_.get(fs + 8) + 16 * module);
        if (module == 0 || block == 0 || block == ~uint64_t{0}) return 0;
        return memory_.get(block + static_cast<uint64_t>(offset));
    }

    SeenFrame seen(const std::vector<uint8_t>& fields) const {
        const uint64_t code_address =
            field<uint64_t>(fields, layout_.frame.code) & layout_.code_mask;
        std::vector<uint8_t> code(layout_.code.read_bytes);
        if (!memory_.read(code_address, code.data(), code.size())) return {};
        if (field<uint64_t>(code, layout_.object.type) != (runtime_.code_type + bias_).value)
            return {"not a code object", {}};
        int64_t offset = 0;
        if (layout_.frame_style == FRAME_STYLE_INTERPRETER) {
            offset = static_cast<int64_t>(field<uint64_t>(fields, layout_.frame.instruction) -
                                          code_address - layout_.code.instructions);
        } else {
            offset = int64_t{field<int32_t>(fields, layout_.frame.instruction)} *
                     (1 << layout_.lasti_shift);
        }
        const uint64_t table_object = field<uint64_t>(code, layout_.code.line_table);
        const auto table_bytes = memory_.get(table_object + layout_.object.var_size);
        std::vector<uint8_t> table(table_bytes <= (1 << 20) ? table_bytes : 0);
        memory_.read(table_object + layout_.text.bytes_data, table.data(), table.size());
        return {ascii(field<uint64_t>(code, layout_.code.name)),
                python::displayed_location(layout_.major, layout_.minor, table,
                                           field<int32_t>(code, layout_.code.first_line),
                                           static_cast<int32_t>(offset))};
    }

    std::string ascii(uint64_t object) const {
        const auto length = memory_.get(object + layout_.text.length);
        uint64_t data = object + layout_.text.bytes_data;
        if (layout_.text.is_bytes == 0) {
            const auto state = memory_.get<uint32_t>(object + layout_.text.state);
            const uint32_t wanted = layout_.text.ascii_bit | layout_.text.compact_bit;
            if ((state & wanted) != wanted || (state >> layout_.text.kind_shift & 7) != 1)
                return "not ascii";
            data = object + layout_.text.ascii_data;
        }
        std::string text(length <= 4096 ? length : 0, '\0');
        memory_.read(data, text.data(), text.size());
        return text;
    }

    const TargetMemory& memory_;
    const python::Runtime& runtime_;
    const python_layout& layout_;
    LoadBias bias_;
};

}  // namespace pyebpf::test
