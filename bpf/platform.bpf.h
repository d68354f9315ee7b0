/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the walkers need of their surroundings. In the kernel: libbpf's headers. In a unit test (no
 * __bpf__) the walkers are compiled for the host and tests/bpf_usermode/platform.h supplies the
 * same names over a recorded memory image.
 */
#pragma once

#ifdef __bpf__
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#else
#include "tests/bpf_usermode/platform.h"
#endif

/* Makes the compiler (and the verifier after it) forget what it knows of a value. */
#ifndef barrier_var
#define barrier_var(var) asm volatile("" : "+r"(var))
#endif

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
