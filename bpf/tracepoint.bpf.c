// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A tracepoint of the kernel was hit. */
#include "bpf/budget.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tracepoint")
int on_tracepoint(void *context)
{
    return collect_some(context, NULL, 0);
}
