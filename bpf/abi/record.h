/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The records of the ring buffer, in the order in which a first sample sends them:
 *
 *   RECORD_CODE_DEFINITION*   names and line table of code objects not seen before
 *   RECORD_STACK*             Python, native and kernel part, each only if its hash is new
 *   RECORD_SAMPLE             time, thread, and the hashes of its parts
 *
 * A part that was already sent is not sent again: its 64-bit hash stands for it. Python and native
 * hashes are seeded with the address space (tgid, generation), because the same addresses mean
 * other things elsewhere; the kernel's is not.
 */
#pragma once

#include "bpf/abi/types.h"

enum record_kind {
    RECORD_SAMPLE = 1,
    RECORD_STACK = 2,
    RECORD_CODE_DEFINITION = 3,
};

/* Identity of an address space. generation: start time of the thread group (ns, boot clock) + its
 * number of execs. */
struct process_identity {
    uint64_t generation;
    uint32_t tgid;
    uint32_t reserved;
};
ABI_ASSERT(sizeof(struct process_identity) == 16, "process_identity");

/* What became of the Python part of a sample. Exactly one per sample; the reason why there is no
 * complete stack. */
enum python_outcome {
    PYTHON_NOT_A_PYTHON_PROCESS = 0, /* no runtime known in this address space */
    PYTHON_COMPLETE = 1,             /* walked to the root of the chain */
    PYTHON_NO_THREAD_STATE = 2,      /* this thread has none: native thread, start-up, exit */
    PYTHON_NO_FRAMES = 3,            /* a thread state without frames */
    PYTHON_TRUNCATED = 4,            /* deeper than MAX_PYTHON_FRAMES; the leaf side was kept */
    PYTHON_FAULT_THREAD_STATE = 5,   /* thread state not readable (page absent, process ending) */
    PYTHON_FAULT_FRAME = 6,          /* a frame was not readable; frames above it were kept */
    PYTHON_BAD_CHAIN = 7,            /* the chain loops or leaves the address space */
    PYTHON_OUTCOMES = 8,
};

/* What became of the native user part of a sample. */
enum native_outcome {
    NATIVE_NOT_TAKEN = 0,        /* kernel thread or switched off */
    NATIVE_COMPLETE = 1,         /* reached the entry of the thread */
    NATIVE_TRUNCATED = 2,        /* deeper than MAX_NATIVE_FRAMES; the leaf side was kept */
    NATIVE_FAULT_STACK = 3,      /* stack memory not readable */
    NATIVE_NO_MAPPING = 4,       /* pc in no known mapping (JIT, new library, corrupt stack) */
    NATIVE_NO_TABLE = 5,         /* mapping without unwind rows, no frame pointer either */
    NATIVE_NO_ROW = 6,           /* code without unwind information (hand-written assembly) */
    NATIVE_UNSUPPORTED_RULE = 7, /* a rule that needs a register that is not known there */
    NATIVE_BAD_CFA = 8,          /* CFA does not move toward the root */
    NATIVE_OUTCOMES = 9,
};

enum sample_flag {
    SAMPLE_FLAG_IN_KERNEL = 1 << 0,  /* hit kernel mode: user registers are those of the entry */
    SAMPLE_FLAG_IN_SYSCALL = 1 << 1, /* user pc is a return address of a system call */
    SAMPLE_FLAG_HOLDS_GIL = 1 << 2,  /* known to hold it */
    SAMPLE_FLAG_COMPAT = 1 << 3,     /* 32-bit task: user stack not taken */
    SAMPLE_FLAG_UNKNOWN_PROCESS = 1 << 4,   /* not published by user space yet */
    SAMPLE_FLAG_HANDLES_EXCEPTION = 1 << 5, /* one is raised, or the code is in an except block */
    SAMPLE_FLAG_COLLECTS_GARBAGE = 1 << 6,  /* the interpreter does, in this thread */
    SAMPLE_FLAG_BEGAN_EARLIER = 1 << 7,     /* waited since before the recording: no stack */
};

/* What the thread was doing, or why it did not run. */
enum thread_activity {
    THREAD_RUNNING = 0,
    THREAD_RUN_QUEUE = 1,
    THREAD_THROTTLED = 2,
    THREAD_GIL = 3,
    THREAD_LOCK = 4,
    THREAD_SLEEP = 5,
    THREAD_DISK = 6,
    THREAD_NETWORK = 7,
    THREAD_PIPE = 8,
    THREAD_CHILD = 9,
    THREAD_PAGE_FAULT = 10,
    THREAD_POLL = 11,
    THREAD_OTHER = 12,
    THREAD_ACTIVITIES = 13,
};

struct record_header {
    uint32_t kind; /* enum record_kind */
    uint32_t size; /* of the whole record, bytes */
};
ABI_ASSERT(sizeof(struct record_header) == 8, "record_header");

#define THREAD_NAME_BYTES 16 /* TASK_COMM_LEN */

struct sample_record {
    struct record_header header;
    struct process_identity space;
    uint64_t time_ns; /* CLOCK_MONOTONIC */
    uint64_t weight;  /* in the unit of the event source: ns of CPU time for cpu-clock */
    uint64_t cgroup_id;
    uint64_t kernel_hash; /* 0: no such part */
    uint64_t native_hash;
    uint64_t python_hash;
    uint64_t thread_state; /* address of the PyThreadState; 0: none was found */
    uint32_t tid;
    uint32_t cpu;
    uint16_t source; /* index into the event sources of this recording */
    uint16_t flags;  /* enum sample_flag */
    uint8_t python_outcome;
    uint8_t native_outcome;
    uint8_t python_code_defined; /* 0: some code objects of this stack could not be defined yet */
    uint8_t activity;            /* enum thread_activity */
    char thread_name[THREAD_NAME_BYTES];
};
ABI_ASSERT(sizeof(struct sample_record) == 112, "sample_record");

enum stack_part { STACK_KERNEL = 1, STACK_NATIVE = 2, STACK_PYTHON = 3 };

/* Followed by `frames` entries, leaf first: uint64_t addresses (kernel), native_frame or
 * python_frame. */
struct stack_part_record {
    struct record_header header;
    struct process_identity space; /* zero for the kernel's */
    uint64_t hash;
    uint32_t part; /* enum stack_part */
    uint32_t frames;
};
ABI_ASSERT(sizeof(struct stack_part_record) == 40, "stack_record");

/* One native frame. Its body on the stack is [stack pointer, cfa), which is what places Python runs
 * (merge). */
struct native_frame {
    uint64_t pc;  /* leaf: interrupted pc; else return address (NATIVE_PC_EXACT tells) */
    uint64_t cfa; /* bits 0-1: flags; CFA is at least 8-byte aligned. 0: not known */
};
/* pc is the instruction itself (leaf, or interrupted by a signal): look up pc, not pc - 1 */
#define NATIVE_PC_EXACT 1ull
/* found by frame pointer in code without rows */
#define NATIVE_FROM_GUESS 2ull
#define NATIVE_CFA_FLAGS 3ull

/*
 * One link of the Python frame chain.
 * frame:    word0 = code object, word1 = kind | instruction offset in bytes << 8
 *           (the offset is signed: -1 or -2 before the start)
 * boundary: word0 = address on the C stack of the evaluator that the frames before it (leaf side)
 *           run in, word1 = kind
 */
struct python_frame {
    uint64_t word0;
    uint64_t word1;
};
enum python_frame_kind {
    PYTHON_FRAME = 1,           /* an ordinary frame */
    PYTHON_FRAME_GENERATOR = 2, /* owned by a generator or coroutine */
    PYTHON_BOUNDARY = 3,        /* 3.12+: entry shim; 3.10, 3.11: cframe of an entry frame */
    PYTHON_FRAME_ENTRY = 4,     /* last of its evaluator: <= 3.10 any frame, 3.11 is_entry */
};
#define PYTHON_FRAME_KIND_MASK 0xffull
#define PYTHON_FRAME_OFFSET_SHIFT 8

#define MAX_KERNEL_FRAMES 127 /* PERF_MAX_STACK_DEPTH */
#define MAX_NATIVE_FRAMES 512
#define MAX_PYTHON_FRAMES 1536 /* 1,024 real frames and their boundaries */

/*
 * A code object, seen for the first time. Followed by name, file name and location table, each
 * `stored` bytes long and in this order without padding. `length` is what the object has, in
 * characters (strings) or bytes (table).
 */
enum text_encoding {
    TEXT_MISSING = 0, /* could not be read: page absent */
    TEXT_BYTES = 1,   /* ASCII, or the bytes of a Python 2 str */
    TEXT_LATIN1 = 2,
    TEXT_UCS2 = 3,
    TEXT_UCS4 = 4,
};
struct stored_text {
    uint32_t length;
    uint16_t stored; /* bytes that follow; less than length * width if shortened */
    uint16_t encoding;
};
struct code_definition_record {
    struct record_header header;
    struct process_identity space;
    uint64_t time_ns;
    uint64_t code; /* address of the code object */
    int32_t first_line;
    uint32_t code_flags;
    uint32_t first_traceable; /* code units; 0 where the version has none */
    uint32_t layout;          /* index of the python_layout */
    /* Up to 3.10: the first argument of the call that was sampled, and its type object, which lead
     * to the class of a method; 0: none, or not known. */
    uint64_t first_argument;
    uint64_t first_argument_type;
    struct stored_text name;
    struct stored_text file;
    struct stored_text table;
};
ABI_ASSERT(sizeof(struct code_definition_record) == 96, "code_definition_record");

#define MAX_NAME_BYTES 1024
#define MAX_FILE_BYTES 1024
#define MAX_TABLE_BYTES 8192
