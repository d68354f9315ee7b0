// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The threads of some processes as they are now, one struct task_record each, as the text of an
 * iterator. Nothing is attached to anything: the program runs while user space reads.
 */
#include "bpf/abi/task.h"
#include "bpf/wait_cause.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* key: tgid; written by user space before it reads. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MAX_WANTED_PROCESSES);
    __type(key, __u32);
    __type(value, __u8);
} wanted_processes SEC(".maps");

/* Too large for the stack. One reader at a time, so a CPU's slot is used by one run. */
struct task_scratch {
    struct task_record record;
    struct pt_regs saved;
};
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct task_scratch);
} task_scratch SEC(".maps");

/* User space decides by the descriptor: the memory of another process is out of reach here. */
static __always_inline int polls_one_file(const struct pt_regs *registers)
{
    return wait_rule_of(CALL_NUMBER(registers)) == WAIT_POLL && CALL_ARGUMENT_2(registers) == 1;
}

/* A futex call that waits; others wake. */
static __always_inline int is_futex_wait(const struct pt_regs *registers)
{
    __u64 number = CALL_NUMBER(registers);
    __u32 command = CALL_ARGUMENT_2(registers) & FUTEX_COMMAND_BITS;

    if (wait_rule_of(number) != WAIT_FUTEX)
        return 0;
    return number != CALL_FUTEX || command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET;
}

/* Registers, and what it waits for by them. */
static __always_inline void read_registers(struct task_scratch *scratch, struct task_struct *task,
                                           const struct task_facts *facts)
{
    struct task_record *record = &scratch->record;
    struct gil_place unknown = {};
    int in_call;

    if (!facts->has_user_memory) {
        record->flags |= TASK_NO_MEMORY;
        record->activity = THREAD_OTHER;
        return;
    }
    bpf_probe_read_kernel(
        &scratch->saved, sizeof(scratch->saved),
        have_task_pt_regs() ? (void *)bpf_task_pt_regs(task) : saved_user_registers(facts->stack));
    in_call = in_system_call(&scratch->saved);
    if (in_call) {
        record->flags |= TASK_IN_SYSCALL;
        record->argument_1 = CALL_ARGUMENT_1(&scratch->saved);
        if (is_futex_wait(&scratch->saved))
            record->flags |= TASK_IN_FUTEX_WAIT;
    }
    if (is_compat_code(&scratch->saved))
        record->flags |= TASK_COMPAT;
    else
        copy_user_registers(&record->registers, &scratch->saved);
    if (record->flags & TASK_ON_CPU) {
        record->activity = THREAD_RUNNING;
    } else if (in_call && task_state(task) != TASK_RUNNING && polls_one_file(&scratch->saved)) {
        record->flags |= TASK_POLLS_ONE;
        record->activity = THREAD_POLL;
    } else {
        record->activity = wait_cause(task, 0, in_call, &scratch->saved, &unknown);
    }
}

SEC("iter/task")
int list_tasks(struct bpf_iter__task *context)
{
    struct task_struct *task = context->task;
    struct seq_file *output = context->meta->seq;
    struct task_scratch *scratch;
    struct task_record *record;
    struct task_facts facts;
    __u32 zero = 0, tgid;

    if (!task)
        return 0;
    tgid = BPF_CORE_READ(task, tgid);
    scratch = bpf_map_lookup_elem(&task_scratch, &zero);
    if (!scratch || !bpf_map_lookup_elem(&wanted_processes, &tgid))
        return 0;
    record = &scratch->record;
    __builtin_memset(scratch, 0, sizeof(*scratch));
    /* First of all, see struct task_record. */
    record->switches = BPF_CORE_READ(task, nvcsw) + BPF_CORE_READ(task, nivcsw);
    barrier();
    if (is_on_cpu(task))
        record->flags |= TASK_ON_CPU;
    READ_TASK_FACTS(BPF_CORE_READ, task, &facts);
    record->space.generation = facts.generation;
    record->space.tgid = tgid;
    record->tid = BPF_CORE_READ(task, pid);
    record->start_ns = BPF_CORE_READ(task, start_time);
    record->thread_pointer = facts.thread_pointer;
    BPF_CORE_READ_INTO(&record->name, task, comm);
    read_registers(scratch, task, &facts);
    bpf_seq_write(output, record, sizeof(*record));
    return 0;
}
