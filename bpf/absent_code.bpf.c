// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Code objects that were not all in memory when their function was sampled. Since 6.18 the kernel
 * can have a task do something before it returns to its program, where a read brings absent pages
 * in: the sampled task sends the definition itself, before it can end. Of earlier kernels user
 * space reads them, if the process lives long enough.
 *
 * An object of its own, loaded where it can be, and twice: 6.18's function takes a pointer that
 * only the verifier sets, later kernels hide it (kernel/bpf/helpers.c, KF_IMPLICIT_ARGS).
 */
#define READS_MAY_SLEEP
#include "bpf/collector.bpf.h"
#include "bpf/definitions.bpf.h"
#include "bpf/sampler_maps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* A task that ends may never come to its work: its slot is free again. */
#define FORGOTTEN_AFTER_NS 1000000000ull

/* include/uapi/linux/bpf.h, 6.18. The kernel knows it by its name. */
struct bpf_task_work {
    __u64 opaque;
} __attribute__((aligned(8)));

struct absent_work {
    struct bpf_task_work work;
    struct process_identity space;
    __u64 time_ns; /* of the sample; 0: the slot is free */
    __u64 code[MAX_ABSENT_CODE];
    __u64 code_type;
    __u32 count;
    __u32 layout;
    struct definition_scratch definition;
};

/* key: CPU; with more CPUs than slots some share one. Filled by the tick, emptied by the task. */
#define ABSENT_WORK_SLOTS 64
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, ABSENT_WORK_SLOTS);
    __type(key, __u32);
    __type(value, struct absent_work);
} absent_work SEC(".maps");

typedef int (*task_work_callback)(struct bpf_map *map, void *key, void *value);
#ifdef TASK_WORK_TAKES_AUX
extern int bpf_task_work_schedule_signal_impl(struct task_struct *task, struct bpf_task_work *work,
                                              void *map__map, task_work_callback callback,
                                              void *aux__prog) __ksym;
#define SCHEDULE(task, work, map, callback) \
    bpf_task_work_schedule_signal_impl(task, work, map, callback, NULL)
#else
extern int bpf_task_work_schedule_signal(struct task_struct *task, struct bpf_task_work *work,
                                         void *map__map, task_work_callback callback) __ksym;
#define SCHEDULE bpf_task_work_schedule_signal
#endif

static __always_inline void send_definition(struct absent_work *absent,
                                            const struct python_layout *layout, __u64 code)
{
    struct code_definition_record *record = &absent->definition.record;
    __u64 bytes;

    if (define_code(&absent->definition, layout, absent->code_type, code, 0) != DEFINITION_READY ||
        !has_all_texts(record))
        return;
    record->space = absent->space;
    record->time_ns = absent->time_ns;
    record->layout = absent->layout;
    bytes = record->header.size;
    barrier_var(bytes);
    if (bytes > sizeof(*record) + DEFINITION_TEXT_BYTES)
        return;
    if (bpf_ringbuf_output(&ring, record, bytes, BPF_RB_NO_WAKEUP))
        count(COUNTER_CODE_LOST);
    else
        count(COUNTER_CODE_FETCHED);
}

/* Runs in the task, which may be another program by now. */
static int define_absent_code(struct bpf_map *map, void *key, void *value)
{
    struct absent_work *absent = value;
    const struct python_layout *layout;
    struct task_facts task;
    __u32 index = absent->layout;

    read_task_facts(&task);
    layout = bpf_map_lookup_elem(&python_layouts, &index);
    if (layout && task.generation == absent->space.generation)
        for (__u32 i = 0; i < MAX_ABSENT_CODE; i++)
            if (i < absent->count)
                send_definition(absent, layout, absent->code[i]);
    barrier();
    absent->time_ns = 0;
    return 0;
}

SEC("perf_event")
int fetch_absent_code(void *context)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);
    __u32 slot = bpf_get_smp_processor_id() & (ABSENT_WORK_SLOTS - 1);
    struct absent_work *absent;

    absent = bpf_map_lookup_elem(&absent_work, &slot);
    if (!absent || !scratch)
        return 0;
    if (absent->time_ns && scratch->sample.time_ns < absent->time_ns + FORGOTTEN_AFTER_NS)
        return 0;
    absent->space = scratch->sample.space;
    absent->time_ns = scratch->sample.time_ns;
    absent->code_type = scratch->process.python.code_type;
    absent->layout = scratch->python.layout;
    absent->count = scratch->absent_count;
    for (__u32 i = 0; i < MAX_ABSENT_CODE; i++)
        absent->code[i] = scratch->absent_code[i];
    scratch->absent_count = 0;
    if (SCHEDULE(bpf_get_current_task_btf(), &absent->work, &absent_work, define_absent_code))
        absent->time_ns = 0;
    return 0;
}
