/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of processes, shared by the sampler (reads) and the life-cycle programs (fork copies,
 * exec and exit delete). */
#pragma once

#include "bpf/abi/process.h"
#include "bpf/platform.bpf.h"

/* key: tgid; written by user space when it has seen the mappings of a process. Preallocated: 5.10
 * demands it of perf_event programs. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MAX_PROCESSES);
    __type(key, __u32);
    __type(value, struct process_entry);
} processes __weak SEC(".maps"); /* weak: both objects define it, the linker keeps one */
