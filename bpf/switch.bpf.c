// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The scheduler puts another thread on the CPU. Of the one that leaves, the stack is taken while it
 * is still the current one; the sample is kept in the table of threads, and is sent when the thread
 * comes back and it is known how long it waited.
 */
#include "bpf/budget.bpf.h"
#include "bpf/threads.bpf.h"
#include "bpf/wait_cause.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

__u64 recording_start_ns;

/* Threads that wait for long switch rarely: they have a budget of their own, so that those which
 * switch all the time do not use it up. */
#define LONG_WAIT_US 1000
enum { BUDGET_SHORT, BUDGET_LONG, BUDGETS };
struct wait_budgets {
    struct budget of[BUDGETS];
};
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct wait_budgets);
} wait_budgets SEC(".maps");

/* A thread that was there before the recording: where it waited cannot be known any more. */
static __always_inline void report_earlier_wait(struct sample_scratch *scratch,
                                                struct process_entry *process,
                                                struct watched_thread *thread)
{
    struct task_facts task;

    fill_head(scratch, process, &task, thread->since_ns - recording_start_ns);
    scratch->sample.time_ns = recording_start_ns;
    scratch->sample.flags |= SAMPLE_FLAG_BEGAN_EARLIER;
    scratch->sample.activity = THREAD_OTHER;
    if (is_kept(&scratch->sample))
        output_sample(&scratch->sample);
}

/* Takes the sample of a wait that begins, or lets another one stand for it. */
static __always_inline void begin_wait(void *context, struct sample_scratch *scratch,
                                       struct process_entry *process, struct watched_thread *thread,
                                       struct task_struct *current, int preempted)
{
    const struct pt_regs *saved = (const struct pt_regs *)scratch->saved_registers;
    struct sample_record *sample = &scratch->sample;
    struct task_facts task;

    fill_head(scratch, process, &task, 0);
    sample->time_ns = thread->since_ns;
    take_stacks(context, NULL, 0, scratch, &task);
    sample->activity = wait_cause(current, preempted, sample->flags & SAMPLE_FLAG_IN_SYSCALL, saved,
                                  &scratch->gil);
    if (!is_kept(sample)) {
        count(COUNTER_TICKS_FILTERED);
        return;
    }
    send_stacks();
    thread->wait = *sample;
}

static __always_inline void leave(void *context, struct task_struct *task, int preempted,
                                  __u64 now_ns)
{
    __u64 id = bpf_get_current_pid_tgid();
    struct sample_scratch *scratch;
    struct watched_thread *thread;
    struct process_entry *process;
    struct wait_budgets *budgets;
    __u32 tid = id, is_new;

    if (!tid || !is_current_target(id >> 32, &process) || BPF_CORE_READ(task, flags) & PF_KTHREAD)
        return;
    if (task_state(task) & TASK_DEAD) {
        bpf_map_delete_elem(&threads, &tid);
        return;
    }
    thread = watch_current(now_ns);
    budgets = SCRATCH(wait_budgets);
    if (!thread || !budgets)
        return;
    count(COUNTER_EVENTS);
    end_missed_wait(thread, task, now_ns);
    is_new = !thread->every && thread->start_ns < recording_start_ns;
    if (!thread->waits)
        thread->cpu_ns += now_ns - thread->since_ns;
    scratch = begin_sample();
    if (scratch && is_new && thread->since_ns > recording_start_ns)
        report_earlier_wait(scratch, process, thread);
    thread->since_ns = now_ns;
    thread->waits = 1;
    thread->sampling_ns = 0;
    thread->wait.header.kind = 0;
    thread->every =
        spend(&budgets->of[!thread->mean_wait_us || thread->mean_wait_us >= LONG_WAIT_US], now_ns,
              settings.events_per_window);
    if (scratch && thread->every) {
        begin_wait(context, scratch, process, thread, task, preempted);
        thread->sampling_ns = bpf_ktime_get_ns() - now_ns;
    }
    if (!thread->every)
        thread->every = 1; /* it is not new any more */
    if (scratch)
        end_sample(scratch);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *previous, struct task_struct *next)
{
    __u64 now_ns = bpf_ktime_get_ns();
    struct watched_thread *thread;
    __u32 tid = next->pid;

    leave(ctx, previous, preempt, now_ns);
    thread = tid ? bpf_map_lookup_elem(&threads, &tid) : NULL;
    if (thread)
        come_back(thread, now_ns);
    return 0;
}
