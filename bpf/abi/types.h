/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fixed-width integers and size assertions for the headers that the BPF programs and user space
 * share. */
#pragma once

#ifdef __bpf__
#include "vmlinux.h"
#define ABI_ASSERT(condition, text) _Static_assert(condition, text)
#else
#include <stdint.h>
#ifdef __cplusplus
#define ABI_ASSERT(condition, text) static_assert(condition, text)
#else
#define ABI_ASSERT(condition, text) _Static_assert(condition, text)
#endif
#endif
