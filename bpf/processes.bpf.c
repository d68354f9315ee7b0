// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Keeps the table of processes true at the moment things happen, without waiting for user space: a
 * forked child is known from its first tick, an exec makes what is known of the old program void.
 */
#include "bpf/count.bpf.h"
#include "bpf/process.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* TP_PROTO(struct task_struct *parent, struct task_struct *child), include/trace/events/sched.h */
SEC("raw_tracepoint/sched_process_fork")
int on_fork(struct bpf_raw_tracepoint_args *context)
{
    struct task_struct *child = (struct task_struct *)context->args[1];
    __u32 parent_tgid = bpf_get_current_pid_tgid() >> 32;
    __u32 child_tgid = BPF_CORE_READ(child, tgid);
    struct process_entry *parent_entry, entry;

    if (child_tgid == parent_tgid)
        return 0; /* a thread */
    parent_entry = bpf_map_lookup_elem(&processes, &parent_tgid);
    if (!parent_entry)
        return 0;
    entry = *parent_entry;
    if (!(entry.flags & PROCESS_FOLLOW))
        entry.flags = 0;
    if (bpf_map_update_elem(&processes, &child_tgid, &entry, BPF_ANY))
        count(COUNTER_FORKS_FAILED);
    else
        count(COUNTER_FORKS);
    return 0;
}

/* TP_PROTO(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm) */
SEC("raw_tracepoint/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *context)
{
    __u32 tgid = bpf_get_current_pid_tgid() >> 32;
    struct process_entry *entry = bpf_map_lookup_elem(&processes, &tgid);

    if (entry) {
        entry->python.layout = NO_PYTHON_LAYOUT;
        entry->ranges_count = 0;
    }
    return 0;
}

/* TP_PROTO(struct task_struct *p[, bool group_dead since 6.16]) */
SEC("raw_tracepoint/sched_process_exit")
int on_exit(struct bpf_raw_tracepoint_args *context)
{
    struct task_struct *task = (struct task_struct *)context->args[0];
    __u32 tgid = bpf_get_current_pid_tgid() >> 32;

    if (!BPF_CORE_READ(task, signal, live.counter))
        bpf_map_delete_elem(&processes, &tgid);
    return 0;
}
