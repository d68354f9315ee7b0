/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Per-CPU working memory of one sample in flight. The programs that take a sample are chained by
 * tail calls; all they hand to each other is here. Two maps, because a per-CPU array value may not
 * exceed 32 KiB (kernel/bpf/arraymap.c, PCPU_MIN_UNIT_SIZE).
 */
#pragma once

#include "bpf/platform.bpf.h"
#include "bpf/abi/process.h"
#include "bpf/abi/record.h"
#include "bpf/abi/task.h"
#include "bpf/abi/unwind.h"

/* Part of user memory, copied. */
#define PYTHON_WINDOW_BYTES 4096
#define PYTHON_WINDOW_PAD 256
struct python_window {
    __u64 base;
    __u64 bytes;
    __u8 data[PYTHON_WINDOW_BYTES + PYTHON_WINDOW_PAD];
};

#define NATIVE_WINDOW_BYTES 2048
struct native_window {
    __u64 base;
    __u64 bytes;
    __u8 data[NATIVE_WINDOW_BYTES + 128];
};

struct native_walk {
    __u64 ip, sp, bp;
    __u64 cfa;     /* of the frame at ip */
    __u32 no_rule; /* outcome if the frame has no rule */
    __u32 exact;   /* ip is the instruction itself, not a return address */
    __u32 frames;
    __u32 outcome; /* enum native_outcome, NATIVE_NOT_TAKEN while walking */
    __u32 at_leaf; /* all registers are known */
    __u64 hash;
    __u64 cache_key;   /* of the process's code ranges, as they are now */
    __u32 range_index; /* the range of the last lookup: a hit saves the search */
    __u32 range_valid;
    __u64 range_start, range_end;
    struct code_range range;
    struct unwind_rule rule;
    struct user_registers registers;
    struct native_window window;
};

/* Rules by address; direct-mapped. As large as a per-CPU value may be. */
#define RULE_CACHE_BITS 11
struct cached_rule {
    __u64 key; /* address and version of the code ranges */
    struct unwind_rule rule;
};
struct rule_cache {
    struct cached_rule rules[1 << RULE_CACHE_BITS];
};

#define USER_ADDRESS_MAX (1ull << 47)

struct python_walk {
    __u64 frame;      /* next frame to visit, user address */
    __u64 cframe;     /* 3.10, 3.11: head of the remaining cframe chain; else 0 */
    __u64 base_frame; /* 3.15: where a whole chain ends */
    __u64 stack_low;  /* the sampled stack pointer: frames in [stack_low, + 8 MiB) are read through
                         the stack's window */
    __u64 hash;
    __u32 frames;
    __u32 outcome; /* enum python_outcome, PYTHON_NOT_A_PYTHON_PROCESS while walking */
    __u32 layout;
    __u64
        boundary_limit; /* boundaries above this address are of no use: no native frame is known */
    __u32 boundary_due; /* the last link was an entry frame: its cframe comes next */
    struct python_window windows[2]; /* 0: elsewhere, 1: C stack */
};

#define MAX_DEFINITIONS_PER_SAMPLE 64
#define MAX_WATCHED_CODE 128
#define MAX_CHECKS_PER_SAMPLE 256
#define MAX_ABSENT_CODE 8
#define VISITED_CODE 64         /* a power of two */
#define SAVED_REGISTER_WORDS 42 /* arm64's struct pt_regs; x86-64's has 21 */

/* The user memory in which a futex is that of the GIL. */
struct gil_place {
    __u64 start;
    __u64 bytes; /* 0: not known */
};

struct sample_scratch {
    struct sample_record sample;
    __u64 busy; /* a sample is being taken on this CPU */
    struct gil_place gil;
    struct process_entry process; /* copy: the map's value may change while we walk */
    __u64 thread_pointer;
    __u64 saved_registers[SAVED_REGISTER_WORDS]; /* struct pt_regs from the kernel stack */
    struct native_walk native;
    struct python_walk python;
    /* code objects of this stack (bpf/code_objects.bpf.h) */
    __u64 undefined_code[MAX_DEFINITIONS_PER_SAMPLE];
    __u64 undefined_frames[MAX_DEFINITIONS_PER_SAMPLE]; /* where they run */
    __u64 undefined_count;
    __u64 watched_code[MAX_WATCHED_CODE]; /* those that may be replaced at their address */
    __u64 watched_frames[MAX_WATCHED_CODE];
    __u64 fingerprints[MAX_WATCHED_CODE]; /* theirs */
    __u64 watched_count;
    __u64 checked_count; /* of the others, those that were looked at */
    __u64 replaced_count;
    __u64 visited_code[VISITED_CODE];   /* marks, by bits of the address */
    __u64 visit;                        /* number of the pass that the marks are of */
    __u64 lifetime_block;               /* of this process, in code_lifetimes */
    __u64 absent_code[MAX_ABSENT_CODE]; /* with a part that is not in memory */
    __u64 absent_count;
    struct stack_part_record kernel_header;
    __u64 kernel_frames[MAX_KERNEL_FRAMES];
    struct stack_part_record native_header;
    struct native_frame native_frames[MAX_NATIVE_FRAMES];
};

struct python_scratch {
    struct stack_part_record header;
    struct python_frame frames[MAX_PYTHON_FRAMES];
};

/* Where the links of python_scratch are in user memory. */
struct python_frame_addresses {
    __u64 address[MAX_PYTHON_FRAMES];
};

#define DEFINITION_TEXT_BYTES 16384
struct definition_scratch {
    struct code_definition_record record;
    __u8 text[DEFINITION_TEXT_BYTES];
    __u8 object[256]; /* head of the code object */
    __u8 header[72];  /* head of a string, padded for masked offsets */
};
