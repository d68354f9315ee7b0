// SPDX-License-Identifier: Apache-2.0
// Reads Python objects from the memory of a live process, for what the kernel side could not: a
// page that was not resident, more code objects than one sample defines, thread states of threads
// that released the GIL. The memory is hostile and changes while it is read: every length is
// bounded, and what does not look right is refused.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/addresses.h"
#include "bpf/abi/python_layout.h"
#include "bpf/abi/record.h"
#include "python/runtime.h"

namespace pyebpf::python {

// Copies [address, address + bytes); false unless all of it was read.
using ReadMemory = std::function<bool(uint64_t address, void* to, size_t bytes)>;

// A str, or in Python 2 a byte string, as its bytes in memory.
struct RawText {
    std::vector<uint8_t> bytes;
    text_encoding encoding = TEXT_MISSING;
    bool is_cut = false;  // longer than the limit
};

// A text as the interpreter stores it, to UTF-8; code points that UTF-8 cannot have become U+FFFD.
[[nodiscard]] std::string decode_text(std::span<const uint8_t> bytes, uint16_t encoding);

inline constexpr size_t kMaxTextBytes = 64 << 10;

// The str (in Python 2 byte string) at an address; longer ones than max_bytes are cut.
[[nodiscard]] RawText read_text(const ReadMemory& read, const python_layout& layout,
                                uint64_t address, size_t max_bytes = kMaxTextBytes);
// The same of a byte string.
[[nodiscard]] RawText read_byte_string(const ReadMemory& read, const python_layout& layout,
                                       uint64_t address, size_t max_bytes = kMaxTextBytes);

struct LiveCode {
    RawText name;  // qualified where the version has it
    RawText file;
    std::vector<uint8_t> line_table;
    int32_t first_line = 0;
    uint32_t flags = 0;
    uint32_t first_traceable = 0;
};

// nullopt if there is no code object at the address (any more).
[[nodiscard]] std::optional<LiveCode> read_code(const ReadMemory& read, const python_layout& layout,
                                                uint64_t code_type, uint64_t address);

struct LiveThread {
    uint64_t thread_state = 0;
    uint64_t thread_pointer = 0;  // thread_id
};

// The threads of all interpreters; at most 65,536.
[[nodiscard]] std::vector<LiveThread> read_threads(const ReadMemory& read, const Runtime& runtime,
                                                   LoadBias bias);

struct LiveFrame {
    uint64_t code = 0;
    uint64_t frame = 0;
};
// The outermost Python frame of a thread; zeros if it has none, or more frames than kMaxLiveFrames.
// The thread may run meanwhile: what is found has to be checked.
inline constexpr size_t kMaxLiveFrames = 4096;
[[nodiscard]] LiveFrame read_outermost_frame(const ReadMemory& read, const python_layout& layout,
                                             uint64_t thread_state);

// The first argument of a frame that ran a code object, and its type, as they were then.
struct FirstArgument {
    uint64_t object = 0;
    uint64_t type = 0;  // 0: not known
};
// Of the innermost frame of a thread that runs the code object; up to 3.10.
[[nodiscard]] FirstArgument find_first_argument(const ReadMemory& read, const python_layout& layout,
                                                uint64_t thread_state, uint64_t code);

}  // namespace pyebpf::python
