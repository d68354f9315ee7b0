/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the walker must know of one CPython build: offsets of fields in bytes, and where the current
 * thread state is found. One per distinct runtime file, shared by all its processes; addresses that
 * differ per process are in python_process. Numbers come from userspace/python/layouts/ (one file
 * per minor version) or from the runtime's own debug-offsets table.
 */
#pragma once

#include "bpf/abi/types.h"

#define LAYOUT_ABSENT 0xffff /* a field this version does not have */

enum frame_style {
    /* 2.7 - 3.10: PyFrameObject linked by f_back, int f_lasti */
    FRAME_STYLE_OBJECT = 1,
    /* 3.11+: _PyInterpreterFrame linked by previous, instruction pointer */
    FRAME_STYLE_INTERPRETER = 2,
};

enum boundary_style {
    BOUNDARY_EVERY_FRAME = 1,  /* 2.7 - 3.9: one evaluator per frame, no address */
    BOUNDARY_CFRAME_EACH = 2,  /* 3.10: the k-th cframe belongs to the k-th frame */
    BOUNDARY_CFRAME_ENTRY = 3, /* 3.11: the k-th cframe belongs to the k-th frame with is_entry */
    BOUNDARY_SHIM = 4,         /* 3.12+: a frame with owner >= shim_owner on the C stack */
};

/* How python_process.thread_state_* is to be used. */
enum thread_state_source {
    /* *(tp + tls_offset) is the current thread state, 0 while the GIL is released (3.12+) */
    THREAD_STATE_TLS = 1 << 0,
    /* same, in a library: through the DTV of tls_module */
    THREAD_STATE_TLS_MODULE = 1 << 1,
    /* pthread_getspecific(key) (3.6 - 3.14) */
    THREAD_STATE_KEY = 1 << 2,
    /* 3.15: TLS variable that is kept while the GIL is released */
    THREAD_STATE_TLS_GILSTATE = 1 << 3,
    /* *(current_address): the GIL holder's (2.7 - 3.11), valid if it is this thread's */
    THREAD_STATE_CURRENT = 1 << 4,
    /* map `thread_states`, filled by user space from the interpreter's list of threads */
    THREAD_STATE_LISTED = 1 << 5,
};

struct python_layout {
    uint8_t major;
    uint8_t minor;
    uint8_t frame_style;    /* enum frame_style */
    uint8_t boundary_style; /* enum boundary_style */
    uint8_t shim_owner;     /* owner >= this: not a Python frame; 0 if there is no owner field */
    uint8_t lasti_shift;    /* f_lasti << this = byte offset (3.10: 1) */
    uint8_t debug_build;
    uint8_t free_threaded;
    uint64_t code_mask; /* AND with a frame's code pointer (3.14+: clears the stackref tag) */

    struct {
        uint16_t interp;
        uint16_t frame;      /* frame (<= 3.10), cframe (3.11, 3.12), current_frame (3.13+) */
        uint16_t cframe;     /* 3.10: head of the cframe chain */
        uint16_t base_frame; /* 3.15 */
        uint16_t thread_id;
        uint16_t native_thread_id;
        uint16_t status;
        uint16_t holds_gil;
        uint16_t raised;  /* exception in flight */
        uint16_t handled; /* exc_info (3.7+): pointer to a stack item; before: the type itself */
        uint16_t handled_previous; /* in the stack item: the one below; its value comes first */
    } thread_state;

    struct {
        uint16_t gil;        /* 3.12+: pointer to it */
        uint16_t collecting; /* 3.9+ */
        uint16_t reserved;
    } interpreter;

    struct {
        uint16_t current_frame; /* 3.11, 3.12 */
        uint16_t previous;      /* 3.10 - 3.12 */
    } cframe;

    struct {
        uint16_t code;
        uint16_t previous;
        uint16_t instruction;  /* f_lasti (int), prev_instr or instr_ptr (pointer) */
        uint16_t owner;        /* or is_entry in 3.11: see entry */
        uint16_t entry;        /* 3.11: is_entry */
        uint16_t is_generator; /* <= 3.10: f_gen, non-NULL in a generator */
        uint16_t localsplus;   /* first local */
        uint16_t first_read;   /* of each frame [first_read, first_read + read_bytes) is read */
        uint16_t read_bytes;   /* <= 128 */
        uint16_t tlbc_index;   /* free-threaded */
    } frame;

    struct {
        uint16_t argument_count; /* positional ones */
        uint16_t flags;
        uint16_t first_line;
        uint16_t file_name;
        uint16_t name;
        uint16_t qualified_name; /* 3.11+ */
        uint16_t line_table;
        uint16_t first_traceable;
        uint16_t instructions; /* co_code_adaptive, inline (3.11+) */
        uint16_t variable_names;
        uint16_t read_bytes; /* the walker reads the first read_bytes of the object; <= 256 */
        uint16_t tlbc;       /* free-threaded 3.14+ */
    } code;

    struct {
        uint16_t type;
        uint16_t var_size; /* ob_size */
        uint16_t type_name;
        uint16_t reserved;
    } object;

    struct {
        uint16_t length;
        uint16_t state;
        uint16_t ascii_data;
        uint16_t compact_data;
        uint16_t bytes_data;
        uint8_t kind_shift; /* (state >> kind_shift) & 7: bytes per character */
        uint8_t is_bytes;   /* 2.7: names are byte strings */
        uint32_t compact_bit;
        uint32_t ascii_bit;
    } text;
    uint16_t tuple_items;
    uint16_t thread_state_bytes; /* head that covers the fields above; set when it is published */
    uint16_t reserved[2];
};
ABI_ASSERT(sizeof(struct python_layout) == 128, "python_layout");

#define MAX_PYTHON_LAYOUTS 512

/* What of a Python runtime differs per process. Value of the map `processes`, which forks copy to
 * the child. */
struct python_process {
    uint32_t layout;    /* index into the map `python_layouts` */
    uint32_t sources;   /* enum thread_state_source */
    int64_t tls_offset; /* from the thread pointer, or within the block of a TLS module */
    int64_t tls_gilstate_offset;
    uint64_t tls_module_slot; /* mapped address of the GOT slot with the module's number */
    uint64_t key_address;     /* mapped address of the int pthread key */
    uint64_t current_address;
    uint64_t code_type;   /* mapped address of PyCode_Type */
    uint64_t none;        /* mapped address of None */
    uint64_t gil;         /* <= 3.11: mapped address of the GIL, or of the pointer to it (2.7) */
    uint64_t collecting;  /* <= 3.8: mapped address of the collector's int */
    uint32_t tls_module;  /* 0: read it from tls_module_slot */
    uint8_t key_has_flag; /* an int "is initialized" stands 4 bytes before the key (3.7+) */
    uint8_t libc;         /* enum libc_kind */
    uint16_t reserved;
};
ABI_ASSERT(sizeof(struct python_process) == 88, "python_process");

enum libc_kind { LIBC_GLIBC = 0, LIBC_MUSL = 1 };

/* A thread that waits for the GIL waits in a futex of its lock or its condition. Size of struct
 * _gil_runtime_state (Include/internal/pycore_gil.h), the largest of 3.7 - 3.15; of 3.6's variables
 * from the first lock to the last condition (Python/ceval_gil.h); of the sem_t that is the lock of
 * 2.7 (Python/thread_pthread.h). */
#define GIL_BYTES 216
#define GIL_VARIABLES_BYTES 256
#define GIL_SEMAPHORE_BYTES 32
