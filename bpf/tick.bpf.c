// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A perf event has overflowed: the CPU's clock, a hardware counter, page faults … */
#include "bpf/collector.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("perf_event")
int on_tick(struct bpf_perf_event_data *context)
{
    const struct pt_regs *registers = (const struct pt_regs *)&context->regs;

    return collect(context, registers, in_user_mode(registers), context->sample_period);
}
