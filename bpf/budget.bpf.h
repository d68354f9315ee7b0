/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bounds how many samples a CPU takes of events that may come at any rate. In each window of
 * 2^BUDGET_WINDOW_SHIFT ns one of `every` events is taken, by chance, and weighs `every` times as
 * much; `every` follows from how many came in the window before. Because it does not depend on the
 * event itself, sums of weights are unbiased.
 */
#pragma once

#include "bpf/collector.bpf.h"

struct budget {
    __u64 window;
    __u32 events;
    __u32 every;
};

/* What the event stands for; 0: another one stands for it. */
static __always_inline __u32 spend(struct budget *budget, __u64 now_ns, __u32 events_per_window)
{
    __u64 window = now_ns >> BUDGET_WINDOW_SHIFT;

    if (window != budget->window) {
        budget->every = window == budget->window + 1 ? budget->events / events_per_window + 1 : 1;
        budget->window = window;
        budget->events = 0;
    }
    budget->events++;
    /* More than the window before had: do not wait for the next one. */
    if (budget->events > 2 * budget->every * events_per_window)
        budget->every *= 2;
    if (budget->every > 1 && bpf_get_prandom_u32() % budget->every) {
        count(COUNTER_EVENTS_THINNED);
        return 0;
    }
    return budget->every;
}

/* For all events but waits. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct budget);
} event_budget __weak SEC(".maps");

/* collect() for events that may come at any rate; the unit of the weights is one event. */
static __always_inline int collect_some(void *context, const struct pt_regs *registers,
                                        int from_user)
{
    __u64 thread = bpf_get_current_pid_tgid();
    struct budget *budget = SCRATCH(event_budget);
    struct process_entry *process;
    __u32 weight;

    if (!budget || !(__u32)thread || !is_current_target(thread >> 32, &process))
        return 0;
    count(COUNTER_EVENTS);
    weight = spend(budget, bpf_ktime_get_ns(), settings.events_per_window);
    return weight ? collect(context, registers, from_user, weight) : 0;
}
