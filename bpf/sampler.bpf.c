// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Takes one sample: which thread, its kernel stack, its native user stack, its Python frames; the
 * entry point is at the end. A stack part that was sent before is not sent again: its hash stands
 * for it (bpf/abi/record.h).
 *
 * The pieces are *global* functions without arguments: the verifier checks each once and on its
 * own, instead of once per path that leads to it, which is what makes deep walks fit into the
 * million instructions of every kernel since 5.10. What they share is in per-CPU scratch memory
 * (bpf/scratch.bpf.h).
 */
#include "bpf/abi/config.h"
#include "bpf/absent_code.bpf.h"
#include "bpf/code_objects.bpf.h"
#include "bpf/native.bpf.h"
#include "bpf/process.bpf.h"
#include "bpf/python.bpf.h"
#include "bpf/python_thread_state.bpf.h"
#include "bpf/registers.bpf.h"
#include "bpf/sampler_maps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct sampler_config settings = {
    .take_kernel = 1, .take_native = 1, .take_python = 1};

/*
 * The stack parts that were sent: a direct-mapped table of hashes. A collision only sends something
 * twice. An LRU map would cost 4 us per look-up with cold caches, this costs one cache line.
 */
#define SENT_STACKS_BITS 16
__u64 sent_stacks[1 << SENT_STACKS_BITS] SEC(".data.sent_stacks");

static __always_inline __u64 *sent_stack_slot(__u64 hash)
{
    return &sent_stacks[hash >> (64 - SENT_STACKS_BITS)];
}

/* value: address of the thread's PyThreadState. Written by user space where the other sources found
 * nothing. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MAX_LISTED_THREADS);
    __type(key, struct listed_thread);
    __type(value, __u64);
} thread_states SEC(".maps");

/* Steps that are unrolled into one global function: spreads the cost of the call, bounded by what
 * the verifier can follow. */
#ifndef NATIVE_FRAMES_PER_CALL
#define NATIVE_FRAMES_PER_CALL 8
#endif
#ifndef PYTHON_FRAMES_PER_CALL
#define PYTHON_FRAMES_PER_CALL 32
#endif

static __always_inline __u64 wakeup_flag(void)
{
    return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > settings.wakeup_bytes ? BPF_RB_FORCE_WAKEUP
                                                                               : BPF_RB_NO_WAKEUP;
}

static __always_inline void start_native(struct sample_scratch *scratch,
                                         const struct pt_regs *registers, int exact)
{
    struct native_walk *walk = &scratch->native;

    copy_user_registers(&walk->registers, registers);
    start_native_walk(walk, exact, scratch->sample.space.generation);
}

/* Sets up the Python walk. 0: there is none, walk->outcome says why. */
__noinline int start_python(void)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);
    struct definition_scratch *definition = SCRATCH(definition_scratch);
    const struct python_process *process;
    struct python_walk *walk;
    struct thread_state_head *state;
    const struct python_layout *layout;
    struct listed_thread thread = {};
    __u64 by_list = 0, *listed;
    __u32 index;
    int found;

    if (!scratch || !definition)
        return 0;
    process = &scratch->process.python;
    walk = &scratch->python;
    walk->outcome = PYTHON_NOT_A_PYTHON_PROCESS;
    index = process->layout;
    layout = bpf_map_lookup_elem(&python_layouts, &index);
    if (!layout)
        return 0;
    /* The definition's scratch is not in use yet; the stack is too small for the head. */
    state = (struct thread_state_head *)definition->text;
    if (process->sources & THREAD_STATE_LISTED) {
        thread.tgid = scratch->sample.space.tgid;
        thread.thread_pointer = scratch->thread_pointer;
        listed = bpf_map_lookup_elem(&thread_states, &thread);
        if (listed)
            by_list = *listed;
    }
    found = find_thread_state(state, process, layout, scratch->thread_pointer, by_list);
    if (found <= 0) {
        walk->outcome = found < 0 ? PYTHON_FAULT_THREAD_STATE : PYTHON_NO_THREAD_STATE;
        return 0;
    }
    /* A version without a key (2.7): remember the state for when this thread has released the GIL.
     */
    if ((process->sources & (THREAD_STATE_LISTED | THREAD_STATE_KEY)) == THREAD_STATE_LISTED &&
        state->address != by_list)
        bpf_map_update_elem(&thread_states, &thread, &state->address, BPF_ANY);

    walk->layout = index;
    /* Where the native walk ended. With 3.10's boundary for every frame, 1,024 frames and the
     * boundaries that have a native frame fit. */
    walk->boundary_limit = scratch->native.sp;
    if (!start_python_walk(walk, layout, state, scratch->native.registers.sp,
                           scratch->sample.space.generation))
        return 0;
    if (layout->thread_state.holds_gil != LAYOUT_ABSENT &&
        (__u32)thread_state_u64(state, layout->thread_state.holds_gil))
        scratch->sample.flags |= SAMPLE_FLAG_HOLDS_GIL;
    return 1;
}

/* Walks up to NATIVE_FRAMES_PER_CALL frames; 0 when the walk has ended. */
__noinline int walk_native_frames(void)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);
    struct native_frame *out;
    __u32 start;

    if (!scratch)
        return 0;
    start = scratch->native.frames;
    if (start > MAX_NATIVE_FRAMES - NATIVE_FRAMES_PER_CALL)
        return 0;
    out = &scratch->native_frames[start];
    for (int i = 0; i < NATIVE_FRAMES_PER_CALL; i++)
        if (!native_step(&scratch->native, scratch->process.ranges_first,
                         scratch->process.ranges_count, &out[i]))
            return 0;
    return 1;
}

static __always_inline void walk_native(struct sample_scratch *scratch)
{
    for (int i = 0; i < MAX_NATIVE_FRAMES / NATIVE_FRAMES_PER_CALL; i++)
        if (!walk_native_frames())
            break;
    if (scratch->native.outcome == NATIVE_NOT_TAKEN)
        scratch->native.outcome = NATIVE_TRUNCATED;
    scratch->sample.native_outcome = scratch->native.outcome;
}

/* Walks up to PYTHON_FRAMES_PER_CALL links of the frame chain; 0 when the walk has ended. */
__noinline int walk_python_frames(void)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);
    struct python_scratch *frames = SCRATCH(python_scratch);
    const struct python_layout *layout;
    struct python_frame *out;
    __u32 start, index;

    if (!scratch || !frames)
        return 0;
    index = scratch->python.layout;
    layout = bpf_map_lookup_elem(&python_layouts, &index);
    if (!layout)
        return 0;
    start = scratch->python.frames;
    if (start > MAX_PYTHON_FRAMES - PYTHON_FRAMES_PER_CALL)
        return 0;
    out = &frames->frames[start];
    for (int i = 0; i < PYTHON_FRAMES_PER_CALL; i++)
        if (!python_step(&scratch->python, layout, &out[i]))
            return 0;
    return 1;
}

static __always_inline void walk_python(struct sample_scratch *scratch)
{
    if (start_python() && scratch->python.outcome == PYTHON_NOT_A_PYTHON_PROCESS) {
        for (int i = 0; i < MAX_PYTHON_FRAMES / PYTHON_FRAMES_PER_CALL; i++)
            if (!walk_python_frames())
                break;
        if (scratch->python.outcome == PYTHON_NOT_A_PYTHON_PROCESS)
            scratch->python.outcome = PYTHON_TRUNCATED;
    }
    scratch->sample.python_outcome = scratch->python.outcome;
}

/* Sends the part if its hash was not sent before. */
static __always_inline void send_stack(struct stack_part_record *record, enum stack_part part,
                                       __u64 hash, __u32 frames, __u32 frame_bytes,
                                       __u32 frames_max, const struct process_identity *space,
                                       int remember)
{
    __u64 bytes;

    if (*sent_stack_slot(hash) == hash) {
        count(COUNTER_STACKS_KNOWN);
        return;
    }
    barrier_var(frames);
    if (frames > frames_max)
        return;
    bytes = sizeof(*record) + (__u64)frames * frame_bytes;
    record->header.kind = RECORD_STACK;
    record->header.size = bytes;
    record->space = *space;
    record->hash = hash;
    record->part = part;
    record->frames = frames;
    if (bpf_ringbuf_output(&ring, record, bytes, BPF_RB_NO_WAKEUP)) {
        count(COUNTER_STACKS_LOST);
        return;
    }
    if (remember)
        *sent_stack_slot(hash) = hash;
    count(COUNTER_STACKS_SENT);
}

/*
 * A Python stack. Of one that was not sent before, the new code objects are defined first. If some
 * are left, the stack is sent but not remembered, so that the next sample goes on.
 */
static __always_inline void send_python_stack(struct sample_scratch *scratch)
{
    struct python_scratch *python = SCRATCH(python_scratch);
    __u64 hash = hash_python_stack();
    int left;

    if (*sent_stack_slot(hash) == hash && !is_check_due(scratch)) {
        count(COUNTER_STACKS_KNOWN);
        scratch->sample.python_hash = hash;
        return;
    }
    if (find_undefined_code())
        hash = hash_python_stack();
    scratch->sample.python_hash = hash;
    left = define_code_objects();
    if (left)
        scratch->sample.python_code_defined = 0;
    if (python)
        send_stack(&python->header, STACK_PYTHON, hash, scratch->python.frames,
                   sizeof(struct python_frame), MAX_PYTHON_FRAMES, &scratch->sample.space, !left);
}

/* Sends what was collected. */
__noinline int send_sample(void)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);
    struct process_identity none = {};
    struct sample_record *sample;
    __u64 hash = STACK_KERNEL;

    if (!scratch)
        return 0;
    sample = &scratch->sample;
    if (scratch->kernel_header.frames) {
        for (__u32 i = 0; i < MAX_KERNEL_FRAMES; i++) {
            if (i >= scratch->kernel_header.frames)
                break;
            hash = hash_step(hash, scratch->kernel_frames[i]);
        }
        sample->kernel_hash = hash_finish(hash);
        send_stack(&scratch->kernel_header, STACK_KERNEL, sample->kernel_hash,
                   scratch->kernel_header.frames, sizeof(__u64), MAX_KERNEL_FRAMES, &none, 1);
    }
    if (scratch->native.frames) {
        sample->native_hash = hash_finish(hash_step(scratch->native.hash, STACK_NATIVE));
        send_stack(&scratch->native_header, STACK_NATIVE, sample->native_hash,
                   scratch->native.frames, sizeof(struct native_frame), MAX_NATIVE_FRAMES,
                   &sample->space, 1);
    }
    if (scratch->python.frames)
        send_python_stack(scratch);
    if (bpf_ringbuf_output(&ring, sample, sizeof(*sample), wakeup_flag()))
        count(COUNTER_TICKS_LOST);
    else
        count(COUNTER_TICKS_SAMPLED);
    return 0;
}

static __always_inline int take_sample(struct bpf_perf_event_data *context)
{
    struct sample_scratch *scratch;
    struct sample_record *sample;
    struct process_entry *process;
    struct task_facts task;
    const struct pt_regs *registers = (const struct pt_regs *)&context->regs;
    __u64 thread = bpf_get_current_pid_tgid();
    __u32 tgid = thread >> 32;
    int from_user;

    if (!(__u32)thread) {
        count(COUNTER_TICKS_IDLE);
        return 0;
    }
    process = bpf_map_lookup_elem(&processes, &tgid);
    if (settings.target == TARGET_PROCESSES && !(process && (process->flags & PROCESS_WATCHED))) {
        count(COUNTER_TICKS_FILTERED);
        return 0;
    }
    scratch = SCRATCH(sample_scratch);
    if (!scratch)
        return 0;
    read_task_facts(&task);

    sample = &scratch->sample;
    sample->header.kind = RECORD_SAMPLE;
    sample->header.size = sizeof(*sample);
    sample->space.generation = task.generation;
    sample->space.tgid = tgid;
    sample->tid = (__u32)thread;
    sample->time_ns = bpf_ktime_get_ns();
    sample->weight = context->sample_period;
    sample->cgroup_id = bpf_get_current_cgroup_id();
    sample->cpu = bpf_get_smp_processor_id();
    sample->source = 0;
    sample->flags = 0;
    sample->kernel_hash = 0;
    sample->native_hash = 0;
    sample->python_hash = 0;
    sample->python_outcome = PYTHON_NOT_A_PYTHON_PROCESS;
    sample->native_outcome = NATIVE_NOT_TAKEN;
    sample->python_code_defined = 1;
    bpf_get_current_comm(sample->thread_name, sizeof(sample->thread_name));

    scratch->native.frames = 0;
    scratch->python.frames = 0;
    scratch->absent_code = 0;
    scratch->thread_pointer = task.thread_pointer;
    if (process) {
        scratch->process = *process;
    } else {
        scratch->process.python.layout = NO_PYTHON_LAYOUT;
        scratch->process.ranges_count = 0;
        sample->flags |= SAMPLE_FLAG_UNKNOWN_PROCESS;
    }

    from_user = in_user_mode(registers);
    if (!from_user) {
        sample->flags |= SAMPLE_FLAG_IN_KERNEL;
        if (settings.take_kernel) {
            long bytes =
                bpf_get_stack(context, scratch->kernel_frames, sizeof(scratch->kernel_frames), 0);

            scratch->kernel_header.frames = bytes > 0 ? bytes / sizeof(__u64) : 0;
        } else {
            scratch->kernel_header.frames = 0;
        }
    } else {
        scratch->kernel_header.frames = 0;
    }

    if (task.has_user_memory) {
        struct pt_regs *saved = (struct pt_regs *)scratch->saved_registers;

        _Static_assert(sizeof(*saved) <= sizeof(scratch->saved_registers), "SAVED_REGISTER_WORDS");
        if (from_user) {
            /* A copy: one instruction may not read both the event's registers and memory ("same
             * insn cannot be used with different pointers"). */
#pragma unroll
            for (__u32 i = 0; i < sizeof(*saved) / sizeof(__u64); i++)
                scratch->saved_registers[i] = ((const volatile __u64 *)registers)[i];
        } else if (have_task_pt_regs()) {
            bpf_probe_read_kernel(saved, sizeof(*saved),
                                  (void *)bpf_task_pt_regs(bpf_get_current_task_btf()));
        } else {
            bpf_probe_read_kernel(saved, sizeof(*saved), saved_user_registers(task.stack));
        }
        if (!from_user && in_system_call(saved))
            sample->flags |= SAMPLE_FLAG_IN_SYSCALL;
        if (is_compat_code(saved))
            sample->flags |= SAMPLE_FLAG_COMPAT;
        start_native(scratch, saved, !(sample->flags & SAMPLE_FLAG_IN_SYSCALL));
        if (!(sample->flags & SAMPLE_FLAG_COMPAT)) {
            if (settings.take_native)
                walk_native(scratch);
            if (settings.take_python)
                walk_python(scratch);
        }
    }
    send_sample();
    return 0;
}

SEC("perf_event")
int on_tick(struct bpf_perf_event_data *context)
{
    return take_sample(context);
}

/* The same where the kernel offers work in the task: one of the two is loaded. */
SEC("?perf_event")
int on_tick_and_fetch(struct bpf_perf_event_data *context)
{
    take_sample(context);
    fetch_absent_code(&settings);
    return 0;
}
