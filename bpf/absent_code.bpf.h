/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Definitions of code objects that were not in memory when their function was sampled: since 6.18
 * the kernel can have the sampled task do something before it returns to its program, where a read
 * brings pages in. Before, user space reads them, if the process lives long enough.
 */
#pragma once

#include "bpf/code_objects.bpf.h"

#define ABSENT_CODE_SLOTS 64

/* The kernel's own definition (include/uapi/linux/bpf.h, 6.18). Only its size and name matter. */
struct bpf_task_work {
    __u64 opaque;
} __attribute__((aligned(8)));

struct absent_code {
    struct bpf_task_work work;
    struct process_identity space;
    __u64 time_ns;
    __u64 code;
    __u64 code_type;
    __u32 layout;
    __u32 busy; /* set by the sampler of one CPU, cleared by the task */
    struct definition_scratch definition;
};

/* key: CPU, cut to the number of slots. User space makes it ABSENT_CODE_SLOTS long where it is of
 * use. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct absent_code);
} absent_code SEC(".maps");

typedef int (*task_work_callback)(struct bpf_map *map, void *key, void *value);
extern int bpf_task_work_schedule_signal_impl(struct task_struct *task, struct bpf_task_work *work,
                                              void *map__map, task_work_callback callback,
                                              void *aux__prog) __ksym __weak;
extern int bpf_task_work_schedule_signal(struct task_struct *task, struct bpf_task_work *work,
                                         void *map__map, task_work_callback callback) __ksym __weak;

/* Runs in the task. */
static int define_absent_code(struct bpf_map *map, void *key, void *value)
{
    struct absent_code *absent = value;
    struct code_definition_record *record = &absent->definition.record;
    const struct python_layout *layout;
    __u32 index = absent->layout;
    __u64 bytes;

    layout = bpf_map_lookup_elem(&python_layouts, &index);
    if (layout && define_code(READ_ANY, &absent->definition, layout, absent->code_type,
                              absent->code) == DEFINITION_READY) {
        record->space = absent->space;
        record->time_ns = absent->time_ns;
        record->layout = index;
        bytes = record->header.size;
        barrier_var(bytes);
        if (bytes <= sizeof(*record) + DEFINITION_TEXT_BYTES &&
            bpf_ringbuf_output(&ring, record, bytes, BPF_RB_NO_WAKEUP))
            count(COUNTER_CODE_LOST);
    }
    absent->busy = 0;
    return 0;
}

/* At the end of a sample: has the task define what was absent. */
static __always_inline void fetch_absent_code(const volatile struct sampler_config *settings)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);
    struct task_struct *task = bpf_get_current_task_btf();
    struct absent_code *absent;
    __u32 slot = bpf_get_smp_processor_id() & (ABSENT_CODE_SLOTS - 1);
    int error = -1;

    if (!scratch || !scratch->absent_code)
        return;
    absent = bpf_map_lookup_elem(&absent_code, &slot);
    if (!absent || absent->busy)
        return;
    absent->busy = 1;
    absent->space = scratch->sample.space;
    absent->time_ns = scratch->sample.time_ns;
    absent->code = scratch->absent_code;
    absent->code_type = scratch->process.python.code_type;
    absent->layout = scratch->python.layout;
    if (settings->task_work == TASK_WORK_WITH_AUX)
        error = bpf_task_work_schedule_signal_impl(task, &absent->work, &absent_code,
                                                   define_absent_code, NULL);
    else if (settings->task_work == TASK_WORK)
        error =
            bpf_task_work_schedule_signal(task, &absent->work, &absent_code, define_absent_code);
    count(COUNTER_CODE_FETCHES);
    if (error) {
        absent->busy = 0;
        count(COUNTER_CODE_FETCHES_REFUSED);
    }
}
