// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The yardsticks of the benchmark: what any sampler costs (bench_empty: the interrupt and an empty program; bench_switch: an empty
 * program at each switch of the scheduler), and what the kernel's own stack walk over frame pointers costs (bench_get_stack).
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The default of the sysctl kernel.perf_event_max_stack; bpf_get_stack gives no more. */
#define MAX_FRAMES 127

/* Written by bench_get_stack, read by user space: runs that got a stack, and their frames. */
__u64 stacks;
__u64 frames;

struct stack_buffer {
    __u64 frames[MAX_FRAMES];
};

/* key: 0; value: room for one stack, which is too large for the BPF stack. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct stack_buffer);
} stack_buffers SEC(".maps");

SEC("perf_event")
int bench_empty(struct bpf_perf_event_data *context)
{
    return 0;
}

SEC("tp_btf/sched_switch")
int bench_switch(__u64 *context)
{
    return 0;
}

SEC("perf_event")
int bench_get_stack(struct bpf_perf_event_data *context)
{
    __u32 zero = 0;
    struct stack_buffer *buffer = bpf_map_lookup_elem(&stack_buffers, &zero);
    long bytes;

    if (!buffer)
        return 0;
    bytes = bpf_get_stack(context, buffer, sizeof(*buffer), BPF_F_USER_STACK);
    if (bytes > 0) {
        __sync_fetch_and_add(&stacks, 1);
        __sync_fetch_and_add(&frames, bytes / sizeof(__u64));
    }
    return 0;
}
