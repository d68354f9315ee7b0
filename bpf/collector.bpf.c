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
#include "bpf/definitions.bpf.h"
#include "bpf/native.bpf.h"
#include "bpf/python.bpf.h"
#include "bpf/python_activity.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct sampler_config settings = {
    .take_kernel = 1, .take_native = 1, .take_python = 1};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct python_scratch);
} python_scratch SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct definition_scratch);
} definition_scratch SEC(".maps");

/* key: python_process.layout; written by user space, once per runtime file. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, MAX_PYTHON_LAYOUTS);
    __type(key, __u32);
    __type(value, struct python_layout);
} python_layouts SEC(".maps");

/* value: address of the thread's PyThreadState. Written by user space where the other sources found
 * nothing. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MAX_LISTED_THREADS);
    __type(key, struct listed_thread);
    __type(value, __u64);
} thread_states SEC(".maps");

/*
 * What was sent: direct-mapped tables of hashes. A collision only sends something twice. An LRU map
 * would cost 4 us per look-up with cold caches, these cost one cache line.
 */
#define SENT_BITS 16
__u64 sent_stacks[1 << SENT_BITS] SEC(".data.sent_stacks");
__u64 sent_code[1 << SENT_BITS] SEC(".data.sent_code");

/*
 * Code objects that may be replaced at their address (enum code_lifetime), one byte each. A block
 * for each process, chosen by its hash, so that a sample touches four cache lines however many
 * frames it has. Processes that share a block, and code objects that share a byte, only make for
 * needless checks. Never cleared: an address that was used by short-lived code may be used by it
 * again.
 */
#define LIFETIME_BLOCK_BITS 8
#define LIFETIME_BLOCKS_BITS 10
__u8 code_lifetimes[1 << (LIFETIME_BLOCKS_BITS + LIFETIME_BLOCK_BITS)] SEC(".data.code_lifetimes");

/* Steps that are unrolled into one global function: spreads the cost of the call, bounded by what
 * the verifier can follow. */
#ifndef NATIVE_FRAMES_PER_CALL
#define NATIVE_FRAMES_PER_CALL 8
#endif
#ifndef PYTHON_FRAMES_PER_CALL
#define PYTHON_FRAMES_PER_CALL 32
#endif

static __always_inline int was_sent(const __u64 *table, __u64 hash)
{
    return table[hash >> (64 - SENT_BITS)] == hash;
}

static __always_inline void mark_sent(__u64 *table, __u64 hash)
{
    table[hash >> (64 - SENT_BITS)] = hash;
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

    if (was_sent(sent_stacks, hash)) {
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
        mark_sent(sent_stacks, hash);
    count(COUNTER_STACKS_SENT);
}

static __always_inline __u64 code_hash(const struct sample_scratch *scratch, __u64 code)
{
    return hash_finish(hash_step(scratch->sample.space.generation, code));
}

static __always_inline __u8 *lifetime_of(const struct sample_scratch *scratch, __u64 code_hash)
{
    __u32 at = scratch->lifetime_block << LIFETIME_BLOCK_BITS |
               (code_hash & ((1 << LIFETIME_BLOCK_BITS) - 1));

    /* 5.10 wants to see the bound right before the sum: "math between map_value pointer and
     * register with unbounded min value". */
    barrier_var(at);
    return &code_lifetimes[at & (sizeof(code_lifetimes) - 1)];
}

/*
 * Adds the code objects among frames [first, first + WATCHED_FRAMES_PER_CALL) that may be replaced
 * at their address to scratch->watched_code. 0 at the end of the stack or when the list is full.
 * Recursion is listed once.
 */
#define WATCHED_FRAMES_PER_CALL 64
__noinline int list_watched_code(__u32 first)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);
    struct python_scratch *python = SCRATCH(python_scratch);
    const struct python_frame *frames;

    if (!scratch || !python || first > MAX_PYTHON_FRAMES - WATCHED_FRAMES_PER_CALL)
        return 0;
    frames = &python->frames[first];
    for (__u32 i = 0; i < WATCHED_FRAMES_PER_CALL; i++) {
        __u64 *seen;
        __u32 at;

        barrier();
        at = scratch->watched_count;
        if (first + i >= scratch->python.frames || at >= MAX_WATCHED_CODE)
            return 0;
        if ((frames[i].word1 & PYTHON_FRAME_KIND_MASK) == PYTHON_BOUNDARY)
            continue;
        if (!*lifetime_of(scratch, code_hash(scratch, frames[i].word0)))
            continue;
        /* Recursion, also of several functions in turn, is listed once. The time makes what an
         * earlier sample left here void. */
        seen = &scratch->watched_seen[(frames[i].word0 >> 4) & (WATCHED_SEEN - 1)];
        if (*seen == hash_step(scratch->sample.time_ns, frames[i].word0))
            continue;
        *seen = hash_step(scratch->sample.time_ns, frames[i].word0);
        scratch->watched_code[at] = frames[i].word0;
        scratch->watched_count = at + 1;
    }
    return 1;
}

/* The fingerprint of a code object that may be replaced, in scratch->fingerprints[at]. 0: there is
 * no such place. */
__noinline int take_fingerprint(__u64 code, __u32 at)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);
    struct definition_scratch *definition = SCRATCH(definition_scratch);
    const struct python_layout *layout;
    __u32 index;

    if (!scratch || !definition || at >= MAX_WATCHED_CODE)
        return 0;
    index = scratch->python.layout;
    layout = bpf_map_lookup_elem(&python_layouts, &index);
    if (!layout)
        return 0;
    scratch->fingerprints[at] =
        code_fingerprint(definition, layout, code, *lifetime_of(scratch, code_hash(scratch, code)));
    count(COUNTER_CODE_FINGERPRINTS);
    return 1;
}

/* Makes the hash of the stack tell code objects apart that were at the same address. */
static __always_inline void mix_fingerprints(struct sample_scratch *scratch)
{
    scratch->watched_count = 0;
    scratch->lifetime_block =
        hash_finish(scratch->sample.space.generation) >> (64 - LIFETIME_BLOCKS_BITS);
    for (__u32 first = 0; first < MAX_PYTHON_FRAMES; first += WATCHED_FRAMES_PER_CALL)
        if (!list_watched_code(first))
            break;
    for (__u32 i = 0; i < MAX_WATCHED_CODE; i++) {
        if (i >= scratch->watched_count)
            break;
        take_fingerprint(scratch->watched_code[i], i);
        scratch->python.hash = hash_step(scratch->python.hash, scratch->fingerprints[i]);
    }
}

/*
 * What stands for the definition of a code object in sent_code. The slot depends on the address
 * alone: a definition replaces that of the object which was there before.
 */
static __always_inline __u64 hash_with_fingerprint(__u64 code_hash, __u64 fingerprint)
{
    return fingerprint ? hash_step(code_hash, fingerprint) : code_hash;
}

static __always_inline __u64 *sent_code_slot(__u64 code_hash)
{
    return &sent_code[code_hash >> (64 - SENT_BITS)];
}

/*
 * Adds the code objects without a definition among frames [first, first +
 * UNDEFINED_FRAMES_PER_CALL) to scratch->undefined_code, watched ones left out. 0 at the end of the
 * stack or when the list is full. The number is kept in memory: in a register the verifier would
 * follow every pair (frame, number) on its own.
 */
#define UNDEFINED_FRAMES_PER_CALL 64
__noinline int list_undefined_code(__u32 first)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);
    struct python_scratch *python = SCRATCH(python_scratch);
    const struct python_frame *frames;
    __u64 hash;

    if (!scratch || !python || first > MAX_PYTHON_FRAMES - UNDEFINED_FRAMES_PER_CALL)
        return 0;
    frames = &python->frames[first];
    for (__u32 i = 0; i < UNDEFINED_FRAMES_PER_CALL; i++) {
        __u32 at;

        barrier();
        at = scratch->undefined_count;
        if (first + i >= scratch->python.frames || at >= MAX_DEFINITIONS_PER_SAMPLE)
            return 0;
        if ((frames[i].word1 & PYTHON_FRAME_KIND_MASK) == PYTHON_BOUNDARY)
            continue;
        hash = code_hash(scratch, frames[i].word0);
        if (*sent_code_slot(hash) == hash || *lifetime_of(scratch, hash))
            continue;
        scratch->undefined_code[at] = frames[i].word0;
        scratch->undefined_count = at + 1;
    }
    return 1;
}

/*
 * Sends the definition of one code object, unless it was sent: for a watched one, watched is its
 * number + 1, else 0. Returns 0 when it is defined, 1 if it could not be.
 */
__noinline int define_code_object(__u64 code, __u32 watched)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);
    struct definition_scratch *definition = SCRATCH(definition_scratch);
    struct code_definition_record *record;
    const struct python_layout *layout;
    enum definition_result result;
    __u64 hash, bytes, fingerprint = 0;
    __u32 index, lifetime;

    if (!scratch || !definition)
        return 1;
    index = scratch->python.layout;
    layout = bpf_map_lookup_elem(&python_layouts, &index);
    if (!layout)
        return 1;
    hash = code_hash(scratch, code);
    if (watched && watched <= MAX_WATCHED_CODE)
        fingerprint = scratch->fingerprints[watched - 1];
    if (*sent_code_slot(hash) == hash_with_fingerprint(hash, fingerprint))
        return 0; /* twice in this stack, or nothing has changed */
    record = &definition->record;
    result = define_code(definition, layout, scratch->process.python.code_type, code);
    if (result == DEFINITION_INVALID) {
        count(COUNTER_CODE_INVALID);
        return 1;
    }
    if (result == DEFINITION_FAULT || record->name.encoding == TEXT_MISSING ||
        record->file.encoding == TEXT_MISSING || record->table.encoding == TEXT_MISSING)
        count(COUNTER_CODE_FAULTS);
    if (result == DEFINITION_FAULT)
        return 1;
    lifetime = code_lifetime(definition);
    if (lifetime > *lifetime_of(scratch, hash)) {
        *lifetime_of(scratch, hash) = lifetime;
        fingerprint = code_fingerprint(definition, layout, code, lifetime);
    }
    record->space = scratch->sample.space;
    record->time_ns = scratch->sample.time_ns;
    record->layout = index;
    record->fingerprint = fingerprint;
    bytes = record->header.size;
    barrier_var(bytes);
    if (bytes > sizeof(*record) + DEFINITION_TEXT_BYTES)
        return 1;
    if (bpf_ringbuf_output(&ring, record, bytes, BPF_RB_NO_WAKEUP)) {
        count(COUNTER_CODE_LOST);
        return 1;
    }
    *sent_code_slot(hash) = hash_with_fingerprint(hash, fingerprint);
    count(COUNTER_CODE_SENT);
    return 0;
}

/*
 * A Python stack that was not sent before: its new code objects are defined first, at most
 * MAX_DEFINITIONS_PER_SAMPLE. If some are left, the stack is sent but not remembered, so that the
 * next sample goes on.
 */
static __always_inline void send_python_stack(struct sample_scratch *scratch)
{
    struct python_scratch *python = SCRATCH(python_scratch);
    int left;

    scratch->undefined_count = 0;
    for (__u32 first = 0; first < MAX_PYTHON_FRAMES; first += UNDEFINED_FRAMES_PER_CALL)
        if (!list_undefined_code(first))
            break;
    left = scratch->undefined_count == MAX_DEFINITIONS_PER_SAMPLE ||
           scratch->watched_count == MAX_WATCHED_CODE;
    for (__u32 i = 0; i < MAX_DEFINITIONS_PER_SAMPLE; i++) {
        if (i >= scratch->undefined_count)
            break;
        left |= define_code_object(scratch->undefined_code[i], 0);
    }
    for (__u32 i = 0; i < MAX_WATCHED_CODE; i++) {
        if (i >= scratch->watched_count)
            break;
        left |= define_code_object(scratch->watched_code[i], i + 1);
    }
    if (left) {
        count(COUNTER_CODE_DEFERRED);
        scratch->sample.python_code_defined = 0;
    }
    if (python)
        send_stack(&python->header, STACK_PYTHON, scratch->sample.python_hash,
                   scratch->python.frames, sizeof(struct python_frame), MAX_PYTHON_FRAMES,
                   &scratch->sample.space, !left);
}

__noinline int walk_user_stacks(void)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);

    if (!scratch)
        return 0;
    start_native_walk(&scratch->native, !(scratch->sample.flags & SAMPLE_FLAG_IN_SYSCALL),
                      scratch->sample.space.generation);
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
    if (scratch->python.frames) {
        mix_fingerprints(scratch);
        sample->python_hash = hash_finish(hash_step(scratch->python.hash, STACK_PYTHON));
        if (was_sent(sent_stacks, sample->python_hash))
            count(COUNTER_STACKS_KNOWN);
        else
            send_python_stack(scratch);
    }
    return 0;
}
