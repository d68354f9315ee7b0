/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A thread as the task iterator (bpf/tasks.bpf.c) finds it: what user space needs to walk its
 * stacks while it does not run. */
#pragma once

#include "bpf/abi/record.h"

/* Where a thread is or was in user mode. */
struct user_registers {
    uint64_t ip, sp, bp;
    uint64_t all[16]; /* by DWARF number (rax rdx rcx rbx rsi rdi rbp rsp r8-r15): CFAs of leaf
                         frames may use any */
};

enum task_flag {
    TASK_ON_CPU = 1 << 0,     /* runs now: its registers are those of some earlier moment */
    TASK_IN_SYSCALL = 1 << 1, /* the registers were saved by a system call */
    TASK_COMPAT = 1 << 2,     /* 32-bit code: no registers */
    TASK_NO_MEMORY = 1 << 3,  /* a kernel thread, or one that is ending: no registers */
    TASK_POLLS_ONE = 1 << 4,  /* activity depends on the descriptor in the pollfd at argument_1 */
    TASK_IN_FUTEX_WAIT = 1 << 5, /* for the futex at argument_1, even if it is runnable now */
};

struct task_record {
    struct process_identity space;
    uint32_t tid;
    uint32_t flags;    /* enum task_flag */
    uint64_t start_ns; /* of the thread: a tid is reused */
    /* How often it has left a CPU. If this has not changed and it did not run at either look, then
     * it did not run in between. */
    uint64_t switches;
    uint64_t thread_pointer;
    uint64_t argument_1; /* of the system call it is in */
    struct user_registers registers;
    uint8_t activity; /* enum thread_activity. A wait for the GIL is one for a lock here. */
    uint8_t reserved[7];
    char name[THREAD_NAME_BYTES];
};
ABI_ASSERT(sizeof(struct task_record) == 232, "task_record");

#define MAX_WANTED_PROCESSES 4096
