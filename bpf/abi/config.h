/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Settings that are fixed before the programs are loaded (.rodata): what is off costs nothing, the
 * verifier removes it. */
#pragma once

#include "bpf/abi/types.h"

enum target_kind {
    TARGET_ALL = 0,
    TARGET_PROCESSES = 1, /* process_entry.flags & PROCESS_WATCHED */
};

/* Ways to have the sampled task itself do something before it returns to its program. */
enum task_work_kind {
    TASK_WORK_NONE = 0,
    TASK_WORK_WITH_AUX = 1, /* 6.18: bpf_task_work_schedule_signal_impl(), with the program */
    TASK_WORK = 2,          /* later: bpf_task_work_schedule_signal() */
};

struct sampler_config {
    uint32_t target; /* enum target_kind */
    uint8_t take_kernel;
    uint8_t take_native;
    uint8_t take_python;
    uint8_t task_work; /* enum task_work_kind; not in on_tick */
    uint32_t wakeup_bytes; /* wake the reader only if more than this is in the ring */
};
ABI_ASSERT(sizeof(struct sampler_config) == 12, "sampler_config");
