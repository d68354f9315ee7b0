/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The counters of bpf/abi/counters.h. */
#pragma once

#include "bpf/platform.bpf.h"
#include "bpf/abi/counters.h"

#ifdef __bpf__
/* key: 0; value: all counters of one CPU; written here, read by user space. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64[KERNEL_COUNTER_COUNT]);
} counters __weak SEC(".maps"); /* weak: every object defines it, the linker keeps one */

/* which must be a constant: the verifier checks the index. */
static __always_inline void count(enum kernel_counter which)
{
    __u32 zero = 0;
    __u64 *values = bpf_map_lookup_elem(&counters, &zero);

    if (values)
        values[which]++;
}
#endif
