/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Settings that are fixed before the programs are loaded (.rodata): what is off costs nothing, the
 * verifier removes it. */
#pragma once

#include "bpf/abi/types.h"

enum target_kind {
    TARGET_ALL = 0,
    TARGET_PROCESSES = 1, /* process_entry.flags & PROCESS_WATCHED */
    TARGET_CGROUPS = 2,   /* these, and whoever is in a watched cgroup or below one */
};

#define MAX_WATCHED_CGROUPS 1024
#define MAX_CGROUP_LEVELS 32 /* deeper ones cannot be watched */

/* Which samples are sent; the others are counted as filtered. */
enum sample_filter {
    KEEP_ALL = 0,
    KEEP_GIL = 1,        /* of threads that hold the GIL or wait for it */
    KEEP_EXCEPTIONS = 2, /* while an exception is raised or handled */
};

struct sampler_config {
    uint64_t min_wait_ns; /* shorter waits are left out */
    uint32_t target;      /* enum target_kind */
    uint8_t take_kernel;
    uint8_t take_native;
    uint8_t take_python;
    uint8_t filter;              /* enum sample_filter */
    uint8_t exact_cpu_time;      /* a tick weighs the thread's CPU time since its last one */
    uint8_t classify_waits;      /* the cause of a wait is wanted */
    uint8_t has_ancestor_helper; /* bpf_get_current_ancestor_cgroup_id(); set by the loader */
    uint8_t reserved;
    uint32_t events_per_window; /* at most this many waits or hits are sampled in one window
                                   of a CPU; the others are stood for by weight */
    uint32_t wakeup_bytes;      /* wake the reader only if more than this is in the ring */
};
ABI_ASSERT(sizeof(struct sampler_config) == 32, "sampler_config");

#define BUDGET_WINDOW_SHIFT 24 /* windows of 2^24 ns, 17 ms */
