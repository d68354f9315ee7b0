/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The seam between events and the collector. A program that runs at an event is one call:
 *
 *     return collect(context, registers, from_user, weight);
 *
 * which takes a sample of the current thread and sends it. collect() is inlined, because only the
 * program's own context gives the kernel stack; the walks and the sending are global functions of
 * bpf/collector.bpf.c that every program shares.
 */
#pragma once

#include "bpf/abi/config.h"
#include "bpf/count.bpf.h"
#include "bpf/filter.bpf.h"
#include "bpf/process.bpf.h"
#include "bpf/registers.bpf.h"

extern const volatile struct sampler_config settings;

/* Records for user space (bpf/abi/record.h). Sized by user space before loading. */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 8 << 20);
} ring __weak SEC(".maps"); /* weak: every object defines it, the linker keeps one */

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct sample_scratch);
} sample_scratch __weak SEC(".maps");

/* A lookup of element 0 never fails, but the verifier wants to see the test. */
#define SCRATCH(map)                        \
    ({                                      \
        __u32 zero = 0;                     \
        bpf_map_lookup_elem(&(map), &zero); \
    })

/* bpf/collector.bpf.c: walks the user stacks of scratch->native.registers. */
int walk_user_stacks(void);
/* bpf/collector.bpf.c: gives the parts of the sample their hashes and sends those that are new. */
int send_stacks(void);

/* Is the current process, which has this id, to be sampled? *process: what is known of it, or NULL.
 */
static __always_inline int is_current_target(__u32 tgid, struct process_entry **process)
{
    *process = bpf_map_lookup_elem(&processes, &tgid);
    return is_target(&settings, *process);
}

/* What of the stacks needs the program's own context, then the walks. from_user: the event
 * interrupted user code, and `registers` are its; else they are taken from where the kernel saved
 * them on entry. */
static __always_inline void take_stacks(void *context, const struct pt_regs *registers,
                                        int from_user, struct sample_scratch *scratch,
                                        const struct task_facts *task)
{
    struct sample_record *sample = &scratch->sample;
    struct pt_regs *saved = (struct pt_regs *)scratch->saved_registers;

    _Static_assert(sizeof(*saved) <= sizeof(scratch->saved_registers), "SAVED_REGISTER_WORDS");
    if (!from_user) {
        sample->flags |= SAMPLE_FLAG_IN_KERNEL;
        if (settings.take_kernel) {
            long bytes =
                bpf_get_stack(context, scratch->kernel_frames, sizeof(scratch->kernel_frames), 0);

            scratch->kernel_header.frames = bytes > 0 ? bytes / sizeof(__u64) : 0;
        }
    }
    if (!task->has_user_memory)
        return;
    if (from_user) {
        /* A copy: one instruction may not read both the event's registers and memory ("same insn
         * cannot be used with different pointers"). */
#pragma unroll
        for (__u32 i = 0; i < sizeof(*saved) / sizeof(__u64); i++)
            scratch->saved_registers[i] = ((const volatile __u64 *)registers)[i];
    } else if (have_task_pt_regs()) {
        bpf_probe_read_kernel(saved, sizeof(*saved),
                              (void *)bpf_task_pt_regs(bpf_get_current_task_btf()));
    } else {
        bpf_probe_read_kernel(saved, sizeof(*saved), saved_user_registers(task->stack));
    }
    if (!from_user && in_system_call(saved))
        sample->flags |= SAMPLE_FLAG_IN_SYSCALL;
    if (is_compat_code(saved)) {
        sample->flags |= SAMPLE_FLAG_COMPAT;
        return;
    }
    copy_user_registers(&scratch->native.registers, saved);
    walk_user_stacks();
}

/*
 * The scratch of this CPU, for one sample; end_sample() gives it back. NULL: a sample is being
 * taken already, by a program that this event has interrupted.
 */
static __always_inline struct sample_scratch *begin_sample(void)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);

    if (!scratch)
        return NULL;
    if (scratch->busy) {
        count(COUNTER_COLLISIONS);
        return NULL;
    }
    scratch->busy = 1;
    barrier();
    return scratch;
}

static __always_inline void end_sample(struct sample_scratch *scratch)
{
    barrier();
    scratch->busy = 0;
}

/* Who the current thread is, and no stacks yet. */
static __always_inline void fill_head(struct sample_scratch *scratch, struct process_entry *process,
                                      struct task_facts *task, __u64 weight)
{
    struct sample_record *sample = &scratch->sample;
    __u64 thread = bpf_get_current_pid_tgid();

    read_task_facts(task);
    sample->header.kind = RECORD_SAMPLE;
    sample->header.size = sizeof(*sample);
    sample->space.generation = task->generation;
    sample->space.tgid = thread >> 32;
    sample->tid = (__u32)thread;
    sample->time_ns = bpf_ktime_get_ns();
    sample->weight = weight;
    sample->cgroup_id = bpf_get_current_cgroup_id();
    sample->cpu = bpf_get_smp_processor_id();
    sample->source = 0;
    sample->flags = 0;
    sample->activity = THREAD_RUNNING;
    sample->kernel_hash = 0;
    sample->native_hash = 0;
    sample->python_hash = 0;
    sample->thread_state = 0;
    sample->python_outcome = PYTHON_NOT_A_PYTHON_PROCESS;
    sample->native_outcome = NATIVE_NOT_TAKEN;
    sample->python_code_defined = 1;
    bpf_get_current_comm(sample->thread_name, sizeof(sample->thread_name));

    scratch->kernel_header.frames = 0;
    scratch->native.frames = 0;
    scratch->python.frames = 0;
    scratch->gil.bytes = 0;
    scratch->absent_count = 0;
    scratch->thread_pointer = task->thread_pointer;
    if (process) {
        scratch->process = *process;
    } else {
        scratch->process.python.layout = NO_PYTHON_LAYOUT;
        scratch->process.ranges_count = 0;
        sample->flags |= SAMPLE_FLAG_UNKNOWN_PROCESS;
    }
}

static __always_inline int is_kept(const struct sample_record *sample)
{
    switch (settings.filter) {
        case KEEP_GIL:
            return (sample->flags & SAMPLE_FLAG_HOLDS_GIL) || sample->activity == THREAD_GIL;
        case KEEP_EXCEPTIONS:
            return sample->flags & SAMPLE_FLAG_HANDLES_EXCEPTION;
        default:
            return 1;
    }
}

static __always_inline void output_sample(struct sample_record *sample)
{
    __u64 wakeup = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > settings.wakeup_bytes
                       ? BPF_RB_FORCE_WAKEUP
                       : BPF_RB_NO_WAKEUP;

    if (bpf_ringbuf_output(&ring, sample, sizeof(*sample), wakeup))
        count(COUNTER_TICKS_LOST);
    else
        count(COUNTER_TICKS_SAMPLED);
}

static __always_inline int collect(void *context, const struct pt_regs *registers, int from_user,
                                   __u64 weight)
{
    __u64 thread = bpf_get_current_pid_tgid();
    struct sample_scratch *scratch;
    struct process_entry *process;
    struct task_facts task;

    if (!(__u32)thread) {
        count(COUNTER_TICKS_IDLE);
        return 0;
    }
    if (!is_current_target(thread >> 32, &process)) {
        count(COUNTER_TICKS_FILTERED);
        return 0;
    }
    scratch = begin_sample();
    if (!scratch)
        return 0;
    fill_head(scratch, process, &task, weight);
    take_stacks(context, registers, from_user, scratch, &task);
    if (is_kept(&scratch->sample)) {
        send_stacks();
        output_sample(&scratch->sample);
    } else {
        count(COUNTER_TICKS_FILTERED);
    }
    end_sample(scratch);
    return 0;
}
