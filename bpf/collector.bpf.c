// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The common collector: what all programs that take samples share (bpf/collector.bpf.h). The stacks
 * of the current thread are walked, and what was found is sent. A stack part that was sent before
 * is not sent again: its hash stands for it (bpf/abi/record.h).
 *
 * The pieces are *global* functions without arguments: the verifier checks each once and on its
 * own, instead of once per path that leads to it, which is what makes deep walks fit into the
 * million instructions of every kernel since 5.10. What they share is in per-CPU scratch memory
 * (bpf/scratch.bpf.h).
 */
#include "bpf/collector.bpf.h"
#include "bpf/code_objects.bpf.h"
#include "bpf/native.bpf.h"
#include "bpf/python.bpf.h"
#include "bpf/python_activity.bpf.h"
#include "bpf/sampler_maps.bpf.h"

__u32 watched_cgroup_levels SEC(".data.watched_cgroup_levels");

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
    if (settings.classify_waits)
        find_gil(&scratch->gil, found > 0 ? state : NULL, process, layout);
    if (found <= 0) {
        walk->outcome = found < 0 ? PYTHON_FAULT_THREAD_STATE : PYTHON_NO_THREAD_STATE;
        return 0;
    }
    /* A version without a key (2.7): remember the state for when this thread has released the GIL.
     */
    if ((process->sources & (THREAD_STATE_LISTED | THREAD_STATE_KEY)) == THREAD_STATE_LISTED &&
        state->address != by_list)
        bpf_map_update_elem(&thread_states, &thread, &state->address, BPF_ANY);

    scratch->sample.thread_state = state->address;
    scratch->sample.flags |= python_activity(state, process, layout);
    walk->layout = index;
    /* Where the native walk ended. With 3.10's boundary for every frame, 1,024 frames and the
     * boundaries that have a native frame fit. */
    walk->boundary_limit = scratch->native.sp;
    if (!start_python_walk(walk, layout, state, scratch->native.registers.sp,
                           scratch->sample.space.generation))
        return 0;
    return 1;
}

/* Walks up to NATIVE_FRAMES_PER_CALL frames; 0 when the walk has ended. */
__noinline int walk_native_frames(void)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);
    struct rule_cache *cache = SCRATCH(rule_cache);
    struct native_frame *out;
    __u32 start;

    if (!scratch || !cache)
        return 0;
    start = scratch->native.frames;
    if (start > MAX_NATIVE_FRAMES - NATIVE_FRAMES_PER_CALL)
        return 0;
    out = &scratch->native_frames[start];
    for (int i = 0; i < NATIVE_FRAMES_PER_CALL; i++)
        if (!native_step(&scratch->native, cache, scratch->process.ranges_first,
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
    struct python_frame_addresses *addresses = SCRATCH(python_frame_addresses);
    const struct python_layout *layout;
    struct python_frame *out;
    __u64 *address;
    __u32 start, index;

    if (!scratch || !frames || !addresses)
        return 0;
    index = scratch->python.layout;
    layout = bpf_map_lookup_elem(&python_layouts, &index);
    if (!layout)
        return 0;
    start = scratch->python.frames;
    if (start > MAX_PYTHON_FRAMES - PYTHON_FRAMES_PER_CALL)
        return 0;
    out = &frames->frames[start];
    address = &addresses->address[start];
    for (int i = 0; i < PYTHON_FRAMES_PER_CALL; i++)
        if (!python_step(&scratch->python, layout, &out[i], &address[i]))
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

__noinline int walk_user_stacks(void)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);

    if (!scratch)
        return 0;
    start_native_walk(&scratch->native, !(scratch->sample.flags & SAMPLE_FLAG_IN_SYSCALL),
                      scratch->sample.space.generation, scratch->process.ranges_version);
    if (settings.take_native)
        walk_native(scratch);
    if (settings.take_python)
        walk_python(scratch);
    return 0;
}

/* Gives the parts of the sample their hashes and sends those that are new. */
__noinline int send_stacks(void)
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
    return 0;
}
