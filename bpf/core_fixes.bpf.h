/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one place for differences between kernels: each function hides one, and names the versions.
 */
#pragma once

#include "bpf/platform.bpf.h"

/* include/linux/sched.h */
#define PF_KTHREAD 0x00200000
#define TASK_RUNNING 0
#define __TASK_STOPPED 0x4
#define __TASK_TRACED 0x8
#define TASK_DEAD 0x80

/* What a sample needs of the current task. */
struct task_facts {
    __u64 generation; /* see struct process_identity */
    __u64 thread_pointer;
    __u64 stack;           /* kernel stack, lowest address */
    __u32 has_user_memory; /* not a kernel thread, and not past exit_mm() */
};

#define READ_TASK_FACTS(read, task, facts)                                                  \
    do {                                                                                    \
        (facts)->generation =                                                               \
            read((task), group_leader, start_boottime) + read((task), self_exec_id);        \
        (facts)->thread_pointer = TASK_THREAD_POINTER(read, task);                          \
        (facts)->stack = (__u64)read((task), stack);                                        \
        (facts)->has_user_memory = !(read((task), flags) & PF_KTHREAD) && read((task), mm); \
    } while (0)

#if defined(__TARGET_ARCH_x86)
#define TASK_THREAD_POINTER(read, task) read((task), thread.fsbase)
#elif defined(__TARGET_ARCH_arm64)
#define TASK_THREAD_POINTER(read, task) read((task), thread.uw.tp_value)
#endif

/* 5.11 has bpf_get_current_task_btf(), whose result is read with plain loads; 5.10 needs a helper
 * call per field. */
static __always_inline void read_task_facts(struct task_facts *facts)
{
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();

    READ_TASK_FACTS(BPF_CORE_READ, task, facts);
}

/*
 * User registers of the current task while it is in the kernel: saved at the top of its kernel
 * stack. 5.15 has a helper that knows where; before, THREAD_SIZE is 16 KiB on x86-64
 * (arch/x86/include/asm/page_64_types.h) and nothing is above the registers.
 */
static __always_inline const struct pt_regs *saved_user_registers(__u64 kernel_stack)
{
#if defined(__TARGET_ARCH_x86)
    return (const struct pt_regs *)(kernel_stack + 16384 - sizeof(struct pt_regs));
#elif defined(__TARGET_ARCH_arm64)
    return (const struct pt_regs *)(kernel_stack + 16384 - sizeof(struct user_pt_regs) - 80);
#endif
}

static __always_inline int have_task_pt_regs(void)
{
    return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs) &&
           bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf);
}

struct task_struct___before_5_14 {
    volatile long state;
} __attribute__((preserve_access_index));

/* 5.14 renamed it to __state. */
static __always_inline __u32 task_state(struct task_struct *task)
{
    if (bpf_core_field_exists(task->__state))
        return BPF_CORE_READ(task, __state);
    return BPF_CORE_READ((struct task_struct___before_5_14 *)task, state);
}

struct task_struct___since_6_18 {
    bool throttled;
} __attribute__((preserve_access_index));

/* Its cgroup has used up its CPU time: a mark of the queue it was in, since 6.18 of the task. */
static __always_inline int is_throttled(struct task_struct *task)
{
    if (bpf_core_field_exists(((struct task_struct___since_6_18 *)task)->throttled))
        return BPF_CORE_READ((struct task_struct___since_6_18 *)task, throttled);
    if (bpf_core_field_exists(task->se.cfs_rq->throttle_count))
        return BPF_CORE_READ(task, se.cfs_rq, throttle_count) > 0;
    return 0;
}

/* With CONFIG_SMP, which every distribution's kernel has. The field is an int, in 7.2 one of
 * several bytes: read as wide as it is. */
static __always_inline int is_on_cpu(struct task_struct *task)
{
    if (bpf_core_field_exists(task->on_cpu))
        return BPF_CORE_READ_BITFIELD_PROBED(task, on_cpu);
    return task_state(task) == TASK_RUNNING;
}

static __always_inline int waits_for_io(struct task_struct *task)
{
    return BPF_CORE_READ_BITFIELD_PROBED(task, in_iowait);
}
