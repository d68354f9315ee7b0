/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading the memory of the sampled process. Reads run with page faults disabled: an absent page
 * fails, and is counted. In an object that defines READS_MAY_SLEEP they bring absent pages in.
 */
#pragma once

#include "bpf/platform.bpf.h"
#include "bpf/count.bpf.h"

/* 0 if all of [address, address + bytes) was read; else the destination is zeroed. */
static __always_inline long read_user(void *to, __u32 bytes, __u64 address)
{
#ifdef READS_MAY_SLEEP
    long error = bpf_copy_from_user(to, bytes, (const void *)address);
#else
    long error = bpf_probe_read_user(to, bytes, (const void *)address);
#endif

    if (unlikely(error))
        count(COUNTER_READ_FAULTS);
    return error;
}

static __always_inline long read_user_u64(__u64 *to, __u64 address)
{
    return read_user(to, sizeof(*to), address);
}
