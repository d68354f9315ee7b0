/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Walks the CPython frame chain of one thread, leaf to root.
 *
 *   3.11+    thread state -> _PyInterpreterFrame -> previous -> …
 *            frames lie in the data stack (mostly neighbours), in generator objects, and, entry
 *            shims, on the C stack
 *   <= 3.10  thread state -> PyFrameObject -> f_back -> …
 *            frames lie in the heap
 *
 * The chain belongs to the thread that we interrupted, so it cannot move while we read it.
 *
 * Memory is read in windows of one page: the whole page that holds a frame costs hardly more than
 * the frame (130 ns against 93 ns), and its neighbours are then free. Two windows, because shims on
 * the C stack alternate with frames elsewhere.
 */
#pragma once

#include "bpf/hash.bpf.h"
#include "bpf/python_thread_state.bpf.h"
#include "bpf/read.bpf.h"
#include "bpf/scratch.bpf.h"

#define PYTHON_STACK_SPAN (8ull << 20)
#define MAX_FRAME_BYTES 128 /* bound of python_layout.frame.read_bytes */

/*
 * Makes [address, address + bytes) readable in one of the two windows; bytes <= MAX_FRAME_BYTES.
 * Returns NULL if it faults. The page that holds the address is read; a little more if the range
 * straddles its end.
 */
static __always_inline const __u8 *python_window(struct python_walk *walk, __u64 address,
                                                 __u32 bytes)
{
    struct python_window *window = &walk->windows[0];
    __u64 offset;

    if (address - walk->stack_low < PYTHON_STACK_SPAN)
        window = &walk->windows[1];
    offset = address - window->base;
    if (offset >= window->bytes || offset + bytes > window->bytes) {
        __u64 base = address & ~(__u64)(PYTHON_WINDOW_BYTES - 1);
        __u64 length = PYTHON_WINDOW_BYTES;

        offset = address - base;
        if (offset + bytes > length)
            length = offset + bytes;
        /* For the verifier: 5.10 does not derive the bound from the lines above. */
        length &= 2 * PYTHON_WINDOW_BYTES - 1;
        if (length > PYTHON_WINDOW_BYTES + MAX_FRAME_BYTES)
            return NULL;
        if (read_user(window->data, length, base)) {
            window->bytes = 0;
            return NULL;
        }
        window->base = base;
        window->bytes = length;
    }
    if (offset > PYTHON_WINDOW_BYTES)
        return NULL;
    return window->data + offset;
}

/* Field offsets come from a map: masked, so that no layout can lead outside the window's padding.
 */
static __always_inline __u64 field_u64(const __u8 *object, __u16 offset)
{
    return *(const __u64 *)(object + (offset & (MAX_FRAME_BYTES - 1)));
}

static __always_inline __u32 field_u32(const __u8 *object, __u16 offset)
{
    return *(const __u32 *)(object + (offset & (MAX_FRAME_BYTES - 1)));
}

static __always_inline __u8 field_u8(const __u8 *object, __u16 offset)
{
    return *(const __u8 *)(object + (offset & (MAX_FRAME_BYTES - 1)));
}

static __always_inline void python_end(struct python_walk *walk, enum python_outcome outcome)
{
    walk->outcome = outcome;
}

/*
 * Makes the walk begin at the leaf of an accepted thread state. 0: there is nothing to walk,
 * walk->outcome says why. stack_low: the sampled stack pointer; seed: what the hash of the stack
 * begins with.
 */
static __always_inline int start_python_walk(struct python_walk *walk,
                                             const struct python_layout *layout,
                                             const struct thread_state_head *state, __u64 stack_low,
                                             __u64 seed)
{
    walk->stack_low = stack_low;
    walk->windows[0].bytes = 0;
    walk->windows[1].bytes = 0;
    walk->boundary_due = 0;
    walk->cframe = 0;
    walk->base_frame = 0;
    walk->hash = seed;
    walk->frame = thread_state_u64(state, layout->thread_state.frame);
    if (layout->boundary_style == BOUNDARY_CFRAME_EACH) {
        walk->cframe = thread_state_u64(state, layout->thread_state.cframe);
    } else if (layout->cframe.current_frame != LAYOUT_ABSENT) {
        /* 3.11, 3.12: the thread state leads to the cframe, which leads to the frame. */
        walk->cframe = walk->frame;
        walk->frame = 0;
        if (walk->cframe &&
            read_user_u64(&walk->frame, walk->cframe + layout->cframe.current_frame)) {
            walk->outcome = PYTHON_FAULT_FRAME;
            return 0;
        }
    }
    if (layout->thread_state.base_frame != LAYOUT_ABSENT)
        walk->base_frame = thread_state_u64(state, layout->thread_state.base_frame);
    return 1;
}

/*
 * 3.10 and 3.11: after an entry frame, the cframe of its evaluator. Stores a boundary and moves on
 * to the previous cframe. A chain that cannot be read only loses the addresses: the merge then
 * falls back to counting.
 */
static __always_inline int python_boundary_step(struct python_walk *walk,
                                                const struct python_layout *layout,
                                                struct python_frame *out)
{
    __u64 cframe = walk->cframe;
    const __u8 *fields;

    if (!cframe || cframe >= walk->boundary_limit || (cframe & 7)) {
        walk->cframe = 0;
        return 0;
    }
    fields = python_window(walk, cframe, 24);
    if (!fields) {
        walk->cframe = 0;
        return 0;
    }
    walk->cframe = field_u64(fields, layout->cframe.previous);
    out->word0 = cframe;
    out->word1 = PYTHON_BOUNDARY;
    walk->hash = hash_step(walk->hash, cframe);
    walk->frames++;
    return 1;
}

/*
 * Visits the next link of the chain and stores it at out, and where it is in user memory at
 * address. Returns 0 when the walk has ended; walk->outcome then tells how.
 */
static __always_inline int python_step(struct python_walk *walk, const struct python_layout *layout,
                                       struct python_frame *out, __u64 *address)
{
    __u64 frame, previous, code, word1;
    const __u8 *fields;
    __u32 kind = PYTHON_FRAME;
    __s64 offset;

    /* State is reloaded from memory, so that the verifier knows nothing of it and all iterations
     * look alike. */
    barrier();
    frame = walk->frame;
    *address = frame;
    if (walk->boundary_due) {
        walk->boundary_due = 0;
        if (python_boundary_step(walk, layout, out))
            return 1;
    }
    if (!frame || frame == walk->base_frame) {
        python_end(walk, walk->frames ? PYTHON_COMPLETE : PYTHON_NO_FRAMES);
        return 0;
    }
    if (frame >= USER_ADDRESS_MAX || (frame & 7)) {
        python_end(walk, PYTHON_BAD_CHAIN);
        return 0;
    }
    fields = python_window(walk, frame + layout->frame.first_read,
                           layout->frame.read_bytes & (MAX_FRAME_BYTES - 1));
    if (!fields) {
        python_end(walk, PYTHON_FAULT_FRAME);
        return 0;
    }
    previous = field_u64(fields, layout->frame.previous - layout->frame.first_read);
    if (previous == frame) {
        python_end(walk, PYTHON_BAD_CHAIN);
        return 0;
    }
    walk->frame = previous;

    if (layout->shim_owner) {
        __u8 owner = field_u8(fields, layout->frame.owner - layout->frame.first_read);

        if (owner >= layout->shim_owner) {
            out->word0 = frame;
            out->word1 = PYTHON_BOUNDARY;
            walk->hash = hash_step(walk->hash, frame);
            walk->frames++;
            return 1;
        }
        if (owner == 1)
            kind = PYTHON_FRAME_GENERATOR;
    }
    code = field_u64(fields, layout->frame.code - layout->frame.first_read) & layout->code_mask;
    if (layout->frame_style == FRAME_STYLE_INTERPRETER) {
        offset = field_u64(fields, layout->frame.instruction - layout->frame.first_read) -
                 (code + layout->code.instructions);
    } else {
        offset = (__s32)field_u32(fields, layout->frame.instruction - layout->frame.first_read);
        if (offset > 0)
            offset <<= layout->lasti_shift & 1;
        kind = PYTHON_FRAME_ENTRY;
        /* Half of the links would be boundaries. Deep ones have no native frame to place. */
        walk->boundary_due =
            layout->boundary_style == BOUNDARY_CFRAME_EACH && walk->frames < MAX_NATIVE_FRAMES;
    }
    if (layout->boundary_style == BOUNDARY_CFRAME_ENTRY &&
        field_u8(fields, layout->frame.entry - layout->frame.first_read)) {
        kind = PYTHON_FRAME_ENTRY;
        walk->boundary_due = 1;
    }

    word1 = kind | (__u64)offset << PYTHON_FRAME_OFFSET_SHIFT;
    out->word0 = code;
    out->word1 = word1;
    walk->hash = hash_step(hash_step(walk->hash, code), word1);
    walk->frames++;
    return 1;
}
