/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel side knows of a process: the value of the map `processes`, keyed by tgid. Written
 * by user space when it sees mappings, copied to the child by the fork program, deleted by exec and
 * exit. */
#pragma once

#include "bpf/abi/python_layout.h"
#include "bpf/abi/record.h"

struct process_entry {
    struct python_process python; /* python.layout == NO_PYTHON_LAYOUT: no runtime found */
    uint32_t ranges_first;        /* index of its first code_range */
    uint32_t ranges_count;
    uint32_t flags;          /* enum process_flag */
    uint32_t ranges_version; /* another one whenever what an address means has changed */
};
#define NO_PYTHON_LAYOUT 0xffffffffu
ABI_ASSERT(sizeof(struct process_entry) == 104, "process_entry");

/* Key of the map `thread_states`. */
struct listed_thread {
    uint32_t tgid;
    uint32_t reserved;
    uint64_t thread_pointer;
};
ABI_ASSERT(sizeof(struct listed_thread) == 16, "listed_thread");
#define MAX_LISTED_THREADS 16384

/* Value of the map `threads`, keyed by tid: where the time of a thread that is watched by the
 * scheduler's switches goes. */
struct watched_thread {
    struct sample_record wait; /* header.kind 0: no sample is taken of the present wait */
    uint64_t start_ns;         /* of the thread: a tid is reused */
    uint64_t since_ns;         /* when it began to run or to wait */
    uint64_t cpu_ns;           /* CPU time that no sample weighs yet */
    uint64_t waited_ns;        /* all waits */
    uint64_t weighed_ns;       /* of these, by samples */
    uint64_t sampling_ns;      /* of the present wait, what taking its sample took */
    uint32_t mean_wait_us;     /* of the last few waits */
    uint32_t every;            /* a wait of this thread stands for so many */
    uint32_t waits;            /* 1: it waits now, 0: it runs */
    uint32_t tgid;
};
#define MAX_WATCHED_THREADS 65536
ABI_ASSERT(sizeof(struct watched_thread) == 176, "watched_thread");

enum process_flag {
    PROCESS_WATCHED = 1 << 0, /* a target (-p and its children, or the command) */
    PROCESS_FOLLOW = 1 << 1,  /* its children are targets too */
};

#define MAX_PROCESSES 32768
