/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The surroundings of the walkers outside the kernel: bpf/platform.bpf.h includes this where
 * __bpf__ is not defined. Whose memory, unwind tables and counters they are:
 * userspace/walkers/surroundings.h.
 */
#pragma once

#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi/counters.h"
#include "bpf/abi/unwind.h"

#undef __always_inline /* the C library has its own */
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define barrier() __asm__ volatile("" ::: "memory")

/* As in the kernel: the bounds of binary searches are XORed with it. */
#define unknown_zero 0u

#ifdef __cplusplus
extern "C" {
#endif

/* 0 if all bytes could be read; else a negative error, and the destination is zeroed. */
long bpf_probe_read_user(void *to, __u32 bytes, const void *from);
void count(enum kernel_counter which);
const struct code_range *code_range_at(__u32 index);
const __u32 *unwind_slab_words(__u32 slab);

#ifdef __cplusplus
}
#endif
