/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A 64-bit hash that costs one multiplication per step, for stacks that are hashed while they are
 * walked. */
#pragma once

#include "bpf/platform.bpf.h"

#define GOLDEN_RATIO 0x9e3779b97f4a7c15ull /* 2^64 / 1.618...: spreads multiples evenly */

static __always_inline __u64 hash_step(__u64 hash, __u64 value)
{
    return (((hash << 23) | (hash >> 41)) ^ value) * GOLDEN_RATIO;
}

/* Spreads the entropy of the high bits before any bit is used as an index. Never 0, which means "no
 * hash". */
static __always_inline __u64 hash_finish(__u64 hash)
{
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93ull;
    hash ^= hash >> 29;
    return hash ? hash : 1;
}
