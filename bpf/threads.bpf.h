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

/* Since when the current thread has been on the CPU: kernel/sched/fair.c, set_next_entity(). */
static __always_inline __u64 on_cpu_since(struct task_struct *task, __u64 now_ns)
{
    __u64 ran_ns =
        BPF_CORE_READ(task, se.sum_exec_runtime) - BPF_CORE_READ(task, se.prev_sum_exec_runtime);

    return ran_ns < now_ns ? now_ns - ran_ns : 0;
}

/* The entry of the current thread, made when it is not there. NULL: no room. */
static __always_inline struct watched_thread *watch_current(__u64 now_ns)
{
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    __u64 start_ns = BPF_CORE_READ(task, start_time);
    struct watched_thread *thread, fresh = {};
    __u32 tid = bpf_get_current_pid_tgid();

    thread = bpf_map_lookup_elem(&threads, &tid);
    if (thread && thread->start_ns == start_ns)
        return thread;
    fresh.start_ns = start_ns;
    fresh.since_ns = on_cpu_since(task, now_ns);
    if (fresh.since_ns < recording_start_ns)
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

/* The thread is on the CPU again: its wait has ended, and is sent. */
static __always_inline void come_back(struct watched_thread *thread, __u64 now_ns)
{
    __u64 waited_ns = now_ns - thread->since_ns, sampling_ns = thread->sampling_ns, weight, missing;

    if (!thread->waits)
        return;
    thread->waits = 0;
    thread->since_ns = now_ns;
    if (sampling_ns > waited_ns)
        sampling_ns = waited_ns;
    thread->mean_wait_us = (3ull * thread->mean_wait_us + (waited_ns - sampling_ns) / 1000 + 3) / 4;
    if (waited_ns < settings.min_wait_ns) {
        count(COUNTER_WAITS_SHORT);
        return;
    }
    thread->waited_ns += waited_ns;
    if (!thread->wait.header.kind)
        return;
    /* Taking the sample is part of this wait, and of none that it stands for. */
    weight = (waited_ns - sampling_ns) * thread->every + sampling_ns;
    /* What chance has added or left out is made up for little by little, so that the sum stays
     * true and no wait weighs much more or less than it should. */
    missing = thread->waited_ns - thread->weighed_ns;
    if (thread->every > 1 && settings.filter == KEEP_ALL) {
        if ((__s64)missing < (__s64)(weight - weight / 8))
            weight -= weight / 8;
        else if (missing > weight + weight / 8)
            weight += weight / 8;
        else
            weight = missing;
    }
    thread->weighed_ns += weight;
    thread->wait.weight = weight;
    output_sample(&thread->wait);
}

/* A thread that runs and is said to wait: now and then a switch is not reported. The wait ended
 * when the thread came to the CPU. */
static __always_inline void end_missed_wait(struct watched_thread *thread, struct task_struct *task,
                                            __u64 now_ns)
{
    __u64 began_ns;

    if (!thread->waits)
        return;
    began_ns = on_cpu_since(task, now_ns);
    come_back(thread, began_ns > thread->since_ns ? began_ns : thread->since_ns);
}
