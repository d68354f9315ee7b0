// SPDX-License-Identifier: Apache-2.0
// What one ELF file says about the CPython runtime inside it: version, layout, and where the walker
// finds the thread state. Computed once per build id; a process adds only its load bias
// (docs/cpython.md).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/addresses.h"
#include "base/result.h"
#include "bpf/abi/python_layout.h"
#include "elf/elf_file.h"
#include "python/class_offsets.h"

namespace pyebpf::python {

struct Version {
    int major = 0;
    int minor = 0;
    int micro = -1;                               // -1: not known
    [[nodiscard]] std::string to_string() const;  // "3.13.5", "3.9"
};

struct CodeRange {
    StatedAddress begin;
    StatedAddress end;
};

struct Runtime {
    Version version;
    python_layout layout{};
    std::vector<CodeRange> eval_ranges;  // the bytecode loop, its cold parts included
    StatedAddress code_type;             // PyCode_Type
    StatedAddress runtime_state;         // _PyRuntime; 0 for 2.7 and 3.6
    StatedAddress interpreters_head;     // address of the pointer to the first PyInterpreterState
    // Offsets in PyInterpreterState / PyThreadState that only user space needs.
    uint32_t interpreter_next = 0;
    uint32_t interpreter_threads = 0;
    uint32_t thread_next = 0;

    // How to find the thread state: enum thread_state_source, each set if it could be decoded.
    //
    //   TLS           if tls_is_static: at tls_offset from the thread pointer; else by
    //                 tls_offset_slot
    //   TLS_MODULE    at tls_offset in this thread's block of the module whose id is in
    //                 tls_module_slot; a process may turn it into TLS if the block is in static
    //                 TLS, as that of a library loaded at start is
    //   TLS_GILSTATE  the same with tls_gilstate_offset (3.15+)
    //   BY_TID        interpreters_head is known: user space can walk the list of threads
    uint32_t sources = 0;
    bool tls_is_static = false;
    int64_t tls_offset = 0;
    int64_t tls_gilstate_offset = 0;
    // GOT slot that holds the TLS module id at run time; 0 if not needed.
    StatedAddress tls_module_slot;
    // Initial-exec access and TLS descriptors: at run time the 8 bytes at this slot are the
    // variable's offset from the thread pointer, to which tls_offset is added. (Anything else than
    // a small negative number there: the library was loaded late.)
    StatedAddress tls_offset_slot;
    StatedAddress tls_gilstate_offset_slot;
    // int, the pthread key (3.6 - 3.14); from 3.7 on the int before it says whether it is valid.
    StatedAddress key_address;
    StatedAddress current_address;  // pointer to the GIL holder's thread state (<= 3.11)

    // What a thread is doing (bpf/python_activity.bpf.h); 0: not known, or found through the thread
    // state.
    StatedAddress none;
    StatedAddress gil;         // of 2.7: of the pointer to it
    StatedAddress collecting;  // the garbage collector's flag

    // The classes of methods (defining_class.h), up to 3.10.
    ClassOffsets classes;
    StatedAddress function_type;  // PyFunction_Type
    StatedAddress class_type;     // 2.7: PyClass_Type and PyInstance_Type
    StatedAddress instance_type;
};

// Why a file that contains a Python runtime cannot be profiled.
struct Unsupported {
    Version version;
    std::string reason;  // "CPython 3.16 is newer than this pyebpf knows (2.7, 3.6 to 3.15)"
};

struct Inspection {
    bool is_python = false;                  // has a runtime in it
    std::shared_ptr<const Runtime> runtime;  // set if it can be profiled
    std::optional<Unsupported> unsupported;  // set if not
};

// path_hint: the name the file is mapped under; used only where the file itself does not tell its
// version.
[[nodiscard]] Inspection inspect(const elf::ElfFile& file, std::string_view path_hint);

}  // namespace pyebpf::python
