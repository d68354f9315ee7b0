// SPDX-License-Identifier: Apache-2.0
// Layout: where the fields that we read are in one build of one CPython minor. Constants of
// cpython_X_Y.h, which tools/generate-layouts writes from that version's headers; the registry is
// layouts.cpp.
//
// The walker's part goes into the kernel as it is; from 3.13 on the runtime's own table of offsets
// replaces most of it (debug_offsets.h), so there the layout is what the table lacks, and a second
// opinion on what it has.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "bpf/abi/python_layout.h"
#include "python/class_offsets.h"

namespace pyebpf::python {

inline constexpr uint16_t kAbsent = LAYOUT_ABSENT;

// In _PyRuntimeState (3.7+). The only part that depends on the architecture, as it lies behind a
// pthread mutex.
struct RuntimeOffsets {
    uint16_t interpreters_head = kAbsent;
    uint16_t current_thread_state = kAbsent;  // the GIL holder's, up to 3.11
    uint16_t auto_key = kAbsent;    // the pthread key itself; its _is_initialized is 4 before
    uint16_t gil = kAbsent;         // up to 3.11
    uint16_t collecting = kAbsent;  // the garbage collector's flag, up to 3.8
};

// Where _Py_DebugOffsets (3.13+) keeps the numbers that we take from it; member names join
// CPython's two levels.
struct DebugOffsetPositions {
    uint16_t size = 0;  // of the table; 0: this version has none
    uint16_t version = kAbsent;
    uint16_t free_threaded = kAbsent;
    uint16_t runtime_state_interpreters_head = kAbsent;
    uint16_t interpreter_state_size = kAbsent;
    uint16_t interpreter_state_next = kAbsent;
    uint16_t interpreter_state_threads_head = kAbsent;
    uint16_t thread_state_size = kAbsent;
    uint16_t thread_state_next = kAbsent;
    uint16_t thread_state_interp = kAbsent;
    uint16_t thread_state_current_frame = kAbsent;
    uint16_t thread_state_base_frame = kAbsent;
    uint16_t thread_state_thread_id = kAbsent;
    uint16_t thread_state_native_thread_id = kAbsent;
    uint16_t thread_state_status = kAbsent;
    uint16_t thread_state_holds_gil = kAbsent;
    uint16_t interpreter_frame_size = kAbsent;
    uint16_t interpreter_frame_previous = kAbsent;
    uint16_t interpreter_frame_executable = kAbsent;
    uint16_t interpreter_frame_instr_ptr = kAbsent;
    uint16_t interpreter_frame_localsplus = kAbsent;
    uint16_t interpreter_frame_owner = kAbsent;
    uint16_t interpreter_frame_tlbc_index = kAbsent;
    uint16_t code_object_size = kAbsent;
    uint16_t code_object_filename = kAbsent;
    uint16_t code_object_name = kAbsent;
    uint16_t code_object_qualname = kAbsent;
    uint16_t code_object_linetable = kAbsent;
    uint16_t code_object_firstlineno = kAbsent;
    uint16_t code_object_localsplusnames = kAbsent;
    uint16_t code_object_co_code_adaptive = kAbsent;
    uint16_t code_object_co_tlbc = kAbsent;
    uint16_t pyobject_ob_type = kAbsent;
    uint16_t type_object_tp_name = kAbsent;
    uint16_t tuple_object_ob_item = kAbsent;
    uint16_t bytes_object_ob_size = kAbsent;
    uint16_t bytes_object_ob_sval = kAbsent;
    uint16_t unicode_object_state = kAbsent;
    uint16_t unicode_object_length = kAbsent;
    uint16_t unicode_object_asciiobject_size = kAbsent;
    uint16_t unicode_object_compactunicodeobject_size = kAbsent;
};

struct Layout {
    python_layout walker{};
    RuntimeOffsets runtime_x86_64{};
    RuntimeOffsets runtime_arm64{};
    // In PyInterpreterState and PyThreadState, for walking the list of threads from user space.
    uint16_t interpreter_next = kAbsent;
    uint16_t interpreter_threads = kAbsent;
    uint16_t thread_next = kAbsent;
    // In PyTypeObject, for comparing PyCode_Type's description of itself with this layout.
    uint16_t type_basic_size = kAbsent;
    uint16_t type_members = kAbsent;
    uint16_t code_basic_size = kAbsent;  // PyCode_Type.tp_basicsize
    ClassOffsets classes{};              // up to 3.10
    DebugOffsetPositions debug_offsets{};
};

// The builds of a minor that differ: release first, then debug (up to 3.7) and free-threaded
// (3.13+). Empty: not known.
[[nodiscard]] std::span<const Layout> layouts_of(int major, int minor);

// "2.7, 3.6 to 3.15"
[[nodiscard]] std::string known_versions();
[[nodiscard]] bool is_newer_than_known(int major, int minor);

}  // namespace pyebpf::python
