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

struct sampler_config {
    uint32_t target; /* enum target_kind */
    uint8_t take_kernel;
    uint8_t take_native;
    uint8_t take_python;
    uint8_t has_ancestor_helper; /* bpf_get_current_ancestor_cgroup_id(); set by the loader */
    uint32_t wakeup_bytes;       /* wake the reader only if more than this is in the ring */
};
ABI_ASSERT(sizeof(struct sampler_config) == 12, "sampler_config");
