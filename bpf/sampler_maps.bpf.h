/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps that the pieces of the sampler share, and how they come by their working memory. */
#pragma once

#include "bpf/platform.bpf.h"
#include "bpf/abi/python_layout.h"
#include "bpf/scratch.bpf.h"

/* Records for user space (bpf/abi/record.h). Sized by user space before loading. */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 8 << 20);
} ring SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct sample_scratch);
} sample_scratch SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct python_scratch);
} python_scratch SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct definition_scratch);
} definition_scratch SEC(".maps");

/* key: python_process.layout; written by user space, once per runtime file. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, MAX_PYTHON_LAYOUTS);
    __type(key, __u32);
    __type(value, struct python_layout);
} python_layouts SEC(".maps");

/* A lookup of element 0 never fails, but the verifier wants to see the test. */
#define SCRATCH(map)                        \
    ({                                      \
        __u32 zero = 0;                     \
        bpf_map_lookup_elem(&(map), &zero); \
    })
