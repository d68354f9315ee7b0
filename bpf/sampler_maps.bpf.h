/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps that the pieces of the collector share. */
#pragma once

#include "bpf/platform.bpf.h"
#include "bpf/collector.bpf.h"
#include "bpf/abi/python_layout.h"
#include "bpf/scratch.bpf.h"

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct rule_cache);
} rule_cache SEC(".maps");

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
    __type(value, struct python_frame_addresses);
} python_frame_addresses SEC(".maps");

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
