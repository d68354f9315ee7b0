/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of threads whose time is followed from switch to switch. Only the CPU that a thread is
 * on touches its entry. */
#pragma once

#include "bpf/collector.bpf.h"

/* key: tid; written by the program on the scheduler's switches, read by user space at the end. A
 * hash, not task storage: user space must be able to list the waits that have not ended. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MAX_WATCHED_THREADS);
    __type(key, __u32);
    __type(value, struct watched_thread);
} threads __weak SEC(".maps");

/* When the recording began, CLOCK_MONOTONIC; set by user space before the programs are attached. */
extern __u64 recording_start_ns;

/* The entry of the current thread, made when it is not there. NULL: no room. */
static __always_inline struct watched_thread *watch_current(__u64 now_ns)
{
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    __u64 start_ns = BPF_CORE_READ(task, start_time), ran_ns;
    struct watched_thread *thread, fresh = {};
    __u32 tid = bpf_get_current_pid_tgid();

    thread = bpf_map_lookup_elem(&threads, &tid);
    if (thread && thread->start_ns == start_ns)
        return thread;
    /* How long it has been on the CPU: kernel/sched/fair.c, set_next_entity(). */
    ran_ns =
        BPF_CORE_READ(task, se.sum_exec_runtime) - BPF_CORE_READ(task, se.prev_sum_exec_runtime);
    fresh.start_ns = start_ns;
    fresh.since_ns = now_ns - ran_ns;
    if (ran_ns > now_ns || fresh.since_ns < recording_start_ns)
        fresh.since_ns = recording_start_ns;
    if (fresh.since_ns < start_ns)
        fresh.since_ns = start_ns;
    fresh.tgid = bpf_get_current_pid_tgid() >> 32;
    bpf_map_update_elem(&threads, &tid, &fresh, BPF_ANY);
    thread = bpf_map_lookup_elem(&threads, &tid);
    if (!thread)
        count(COUNTER_WAITS_UNTRACKED);
    return thread;
}
