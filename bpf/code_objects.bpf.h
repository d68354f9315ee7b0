/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which code objects of a Python stack need a definition (bpf/definitions.bpf.h), and whether those
 * that have one are still there: a freed code object's address is soon used by another one, and a
 * name must not outlive its object.
 *
 * Short-lived code (enum code_lifetime) is watched: its fingerprint is taken in every sample and is
 * part of the stack's hash. Lasting code is checked in every stack that was not sent before, and in
 * one of KNOWN_STACKS_PER_CHECK samples of the process whose stack was; what has been replaced once
 * is watched from then on.
 */
#pragma once

#include "bpf/count.bpf.h"
#include "bpf/definitions.bpf.h"
#include "bpf/sampler_maps.bpf.h"

#define KNOWN_STACKS_PER_CHECK 16

/* The code object that was defined last at an address: its slot depends on the address alone. Of
 * two addresses that share a slot one is defined over and over; they are few. */
struct sent_code {
    __u64 code;        /* code_hash() */
    __u64 fingerprint; /* code_fingerprint() */
};
#define SENT_CODE_BITS 16
static struct sent_code sent_code[1 << SENT_CODE_BITS] SEC(".data.sent_code");

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
/* By block: samples with a known stack since the last check. */
__u8 known_stacks[1 << LIFETIME_BLOCKS_BITS] SEC(".data.code_lifetimes");

static __always_inline __u64 code_hash(const struct sample_scratch *scratch, __u64 code)
{
    return hash_finish(hash_step(scratch->sample.space.generation, code));
}

static __always_inline struct sent_code *sent_code_slot(__u64 code_hash)
{
    return &sent_code[code_hash >> (64 - SENT_CODE_BITS)];
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

/* Recursion, also of several functions in turn, is looked at once in a pass over the frames. (May
 * say yes again.) */
static __always_inline int is_first_visit(struct sample_scratch *scratch, __u64 code)
{
    __u64 mark = hash_step(scratch->visit, code);
    __u64 *visited = &scratch->visited_code[(code >> 4) & (VISITED_CODE - 1)];

    if (*visited == mark)
        return 0;
    *visited = mark;
    return 1;
}

/*
 * Adds the watched code objects among frames [first, first + CODE_FRAMES_PER_CALL) to
 * scratch->watched_code. 0 at the end of the stack or when the list is full. Their number is kept
 * in memory: in a register the verifier would follow every pair (frame, number) on its own.
 */
#define CODE_FRAMES_PER_CALL 64
__noinline int list_watched_code(__u32 first)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);
    struct python_scratch *python = SCRATCH(python_scratch);
    struct python_frame_addresses *addresses = SCRATCH(python_frame_addresses);
    const struct python_frame *frames;
    const __u64 *address;

    if (!scratch || !python || !addresses || first > MAX_PYTHON_FRAMES - CODE_FRAMES_PER_CALL)
        return 0;
    frames = &python->frames[first];
    address = &addresses->address[first];
    for (__u32 i = 0; i < CODE_FRAMES_PER_CALL; i++) {
        __u64 code = frames[i].word0;
        __u32 at;

        barrier();
        at = scratch->watched_count;
        if (first + i >= scratch->python.frames || at >= MAX_WATCHED_CODE)
            return 0;
        if ((frames[i].word1 & PYTHON_FRAME_KIND_MASK) == PYTHON_BOUNDARY)
            continue;
        if (!*lifetime_of(scratch, code_hash(scratch, code)) || !is_first_visit(scratch, code))
            continue;
        scratch->watched_code[at] = code;
        scratch->watched_frames[at] = address[i];
        scratch->watched_count = at + 1;
    }
    return 1;
}

/* The fingerprint of the code object at an address as it is now; 0 if it is not readable. */
__noinline __u64 take_fingerprint(__u64 code)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);
    struct definition_scratch *definition = SCRATCH(definition_scratch);
    const struct python_layout *layout;
    __u32 index;

    if (!scratch || !definition)
        return 0;
    index = scratch->python.layout;
    layout = bpf_map_lookup_elem(&python_layouts, &index);
    if (!layout)
        return 0;
    count(COUNTER_CODE_FINGERPRINTS);
    if (read_code_head(definition, layout, code))
        return 0;
    return code_fingerprint(definition, layout, *lifetime_of(scratch, code_hash(scratch, code)));
}

/* The hash of the Python stack. Watched code is part of it: code objects that were at the same
 * address make stacks of their own. */
__noinline __u64 hash_python_stack(void)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);
    __u64 hash;

    if (!scratch)
        return 1;
    hash = scratch->python.hash;
    scratch->visit++;
    scratch->watched_count = 0;
    scratch->lifetime_block =
        hash_finish(scratch->sample.space.generation) >> (64 - LIFETIME_BLOCKS_BITS);
    for (__u32 first = 0; first < MAX_PYTHON_FRAMES; first += CODE_FRAMES_PER_CALL)
        if (!list_watched_code(first))
            break;
    for (__u32 i = 0; i < MAX_WATCHED_CODE; i++) {
        if (i >= scratch->watched_count)
            break;
        scratch->fingerprints[i] = take_fingerprint(scratch->watched_code[i]);
        hash = hash_step(hash, scratch->fingerprints[i]);
    }
    return hash_finish(hash_step(hash, STACK_PYTHON));
}

/* Whether the code of a known stack is to be checked again. */
static __always_inline int is_check_due(const struct sample_scratch *scratch)
{
    __u32 block = scratch->lifetime_block;
    __u8 *known;

    barrier_var(block);
    known = &known_stacks[block & (sizeof(known_stacks) - 1)];
    *known = (*known + 1) % KNOWN_STACKS_PER_CHECK;
    return !*known;
}

/*
 * Goes through the code objects among frames [first, first + CODE_FRAMES_PER_CALL) that are not
 * watched: adds those without a definition to scratch->undefined_code, and makes those watched that
 * are others than were defined. 0 at the end of the stack or when the list is full.
 */
__noinline int list_undefined_code(__u32 first)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);
    struct python_scratch *python = SCRATCH(python_scratch);
    struct python_frame_addresses *addresses = SCRATCH(python_frame_addresses);
    const struct python_frame *frames;
    const __u64 *address;

    if (!scratch || !python || !addresses || first > MAX_PYTHON_FRAMES - CODE_FRAMES_PER_CALL)
        return 0;
    frames = &python->frames[first];
    address = &addresses->address[first];
    for (__u32 i = 0; i < CODE_FRAMES_PER_CALL; i++) {
        __u64 code = frames[i].word0, hash, fingerprint;
        const struct sent_code *sent;
        __u32 at;

        barrier();
        at = scratch->undefined_count;
        if (first + i >= scratch->python.frames || at >= MAX_DEFINITIONS_PER_SAMPLE)
            return 0;
        if ((frames[i].word1 & PYTHON_FRAME_KIND_MASK) == PYTHON_BOUNDARY)
            continue;
        hash = code_hash(scratch, code);
        if (*lifetime_of(scratch, hash) || !is_first_visit(scratch, code))
            continue;
        sent = sent_code_slot(hash);
        if (sent->code == hash) {
            if (scratch->checked_count >= MAX_CHECKS_PER_SAMPLE)
                continue;
            scratch->checked_count++;
            fingerprint = take_fingerprint(code);
            if (fingerprint && fingerprint != sent->fingerprint) {
                scratch->replaced_count++;
                *lifetime_of(scratch, hash) = CODE_TEMPORARY;
            }
            continue;
        }
        scratch->undefined_code[at] = code;
        scratch->undefined_frames[at] = address[i];
        scratch->undefined_count = at + 1;
    }
    return 1;
}

/* Returns how many code objects have become watched: the stack has another hash now. */
__noinline __u32 find_undefined_code(void)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);

    if (!scratch)
        return 0;
    scratch->visit++;
    scratch->undefined_count = 0;
    scratch->checked_count = 0;
    scratch->replaced_count = 0;
    for (__u32 first = 0; first < MAX_PYTHON_FRAMES; first += CODE_FRAMES_PER_CALL)
        if (!list_undefined_code(first))
            break;
    return scratch->replaced_count;
}

/* For the sampled task itself, after the sample (bpf/absent_code.bpf.c). */
static __always_inline void add_absent_code(struct sample_scratch *scratch, __u64 code)
{
    __u32 at = scratch->absent_count;

    barrier_var(at);
    if (at >= MAX_ABSENT_CODE)
        return;
    scratch->absent_code[at] = code;
    scratch->absent_count = at + 1;
}

/*
 * Sends the definition of one code object, which a frame runs, unless it was sent: for a watched
 * one, watched is its number + 1, else 0. Returns 0 when it is defined, 1 if it could not be.
 */
__noinline int define_code_object(__u64 code, __u64 frame, __u32 watched)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);
    struct definition_scratch *definition = SCRATCH(definition_scratch);
    struct code_definition_record *record;
    const struct python_layout *layout;
    enum definition_result result;
    struct sent_code *sent;
    __u64 hash, bytes;
    __u32 index, lifetime;

    if (!scratch || !definition)
        return 1;
    index = scratch->python.layout;
    layout = bpf_map_lookup_elem(&python_layouts, &index);
    if (!layout)
        return 1;
    hash = code_hash(scratch, code);
    sent = sent_code_slot(hash);
    if (watched && watched <= MAX_WATCHED_CODE && sent->code == hash &&
        sent->fingerprint == scratch->fingerprints[watched - 1])
        return 0;
    record = &definition->record;
    result = define_code(definition, layout, scratch->process.python.code_type, code, frame);
    if (result == DEFINITION_INVALID) {
        count(COUNTER_CODE_INVALID);
        return 1;
    }
    if (result == DEFINITION_FAULT || !has_all_texts(record)) {
        count(COUNTER_CODE_FAULTS);
        add_absent_code(scratch, code);
    }
    if (result == DEFINITION_FAULT)
        return 1;
    record->space = scratch->sample.space;
    record->time_ns = scratch->sample.time_ns;
    record->layout = index;
    bytes = record->header.size;
    barrier_var(bytes);
    if (bytes > sizeof(*record) + DEFINITION_TEXT_BYTES)
        return 1;
    if (bpf_ringbuf_output(&ring, record, bytes, BPF_RB_NO_WAKEUP)) {
        count(COUNTER_CODE_LOST);
        return 1;
    }
    lifetime = code_lifetime(definition);
    if (lifetime > *lifetime_of(scratch, hash))
        *lifetime_of(scratch, hash) = lifetime;
    sent->code = hash;
    sent->fingerprint = code_fingerprint(definition, layout, *lifetime_of(scratch, hash));
    count(COUNTER_CODE_SENT);
    return 0;
}

/* Sends the definitions that find_undefined_code() and hash_python_stack() found missing, at most
 * MAX_DEFINITIONS_PER_SAMPLE and MAX_WATCHED_CODE. Returns whether some are left. */
__noinline int define_code_objects(void)
{
    struct sample_scratch *scratch = SCRATCH(sample_scratch);
    int left;

    if (!scratch)
        return 1;
    left = scratch->undefined_count == MAX_DEFINITIONS_PER_SAMPLE ||
           scratch->watched_count == MAX_WATCHED_CODE;
    for (__u32 i = 0; i < MAX_DEFINITIONS_PER_SAMPLE; i++) {
        if (i >= scratch->undefined_count)
            break;
        left |= define_code_object(scratch->undefined_code[i], scratch->undefined_frames[i], 0);
    }
    for (__u32 i = 0; i < MAX_WATCHED_CODE; i++) {
        if (i >= scratch->watched_count)
            break;
        left |= define_code_object(scratch->watched_code[i], scratch->watched_frames[i], i + 1);
    }
    if (left)
        count(COUNTER_CODE_DEFERRED);
    return left;
}
