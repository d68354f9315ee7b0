// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A probed instruction of user code was reached: uprobe, uretprobe, USDT. */
#include "bpf/budget.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("uprobe")
int on_user_probe(struct pt_regs *context)
{
    return collect_some(context, context, 1);
}
