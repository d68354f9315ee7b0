// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A perf event has overflowed: the CPU's clock, a hardware counter, page faults … */
#include "bpf/threads.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The CPU time that no sample of this thread weighs yet: summed over its ticks, all it had. */
static __always_inline __u64 take_cpu_time(__u64 period_ns)
{
    __u64 thread_id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns(), weight;
    struct watched_thread *thread;
    struct process_entry *process;

    if (!(__u32)thread_id || !is_current_target(thread_id >> 32, &process))
        return period_ns;
    thread = watch_current(now);
    if (!thread)
        return period_ns;
    end_missed_wait(thread, (struct task_struct *)bpf_get_current_task(), now);
    weight = thread->cpu_ns + now - thread->since_ns;
    thread->cpu_ns = 0;
    thread->since_ns = now;
    return weight;
}

/* 0: bpf/absent_code.bpf.c, where the kernel offers what it needs. */
struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} after_tick SEC(".maps");

SEC("perf_event")
int on_tick(struct bpf_perf_event_data *context)
{
    const struct pt_regs *registers = (const struct pt_regs *)&context->regs;
    __u64 weight = context->sample_period;
    struct sample_scratch *scratch;

    if (settings.exact_cpu_time)
        weight = take_cpu_time(weight);
    collect(context, registers, in_user_mode(registers), weight);
    scratch = SCRATCH(sample_scratch);
    if (!scratch || !scratch->absent_count)
        return 0;
    bpf_tail_call(context, &after_tick, 0);
    scratch->absent_count = 0;
    return 0;
}
