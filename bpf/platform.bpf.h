/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the walkers need of their surroundings. In the kernel: libbpf's headers. Where they are
 * compiled for the host (no __bpf__; userspace/walkers/), bpf/platform_host.h supplies the same
 * names over the memory of another process, or of a test.
 */
#pragma once

#ifdef __bpf__
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#else
#include "bpf/platform_host.h"
#endif

/* Makes the compiler (and the verifier after it) forget what it knows of a value. */
#ifndef barrier_var
#define barrier_var(var) asm volatile("" : "+r"(var))
#endif

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
