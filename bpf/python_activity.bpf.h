/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a Python thread is busy with besides its frames: whether it holds the GIL, raises or handles
 * an exception, collects garbage; and where the GIL is. Which version keeps these facts where:
 * docs/cpython.md.
 */
#pragma once

#include "bpf/python_thread_state.bpf.h"

/* Generators push an empty item of their own; deeper nesting of such than this is not followed. */
#define EXCEPTION_ITEMS 4

/* CPython, Python/errors.c: _PyErr_GetTopmostException. Before 3.7 `handled` is the type itself. */
static __always_inline int handles_exception(const struct thread_state_head *state,
                                             const struct python_process *process,
                                             const struct python_layout *layout)
{
    __u64 item = thread_state_u64(state, layout->thread_state.handled), value;

    if (layout->thread_state.handled == LAYOUT_ABSENT)
        return 0;
    if (layout->thread_state.handled_previous == LAYOUT_ABSENT)
        return item && item != process->none;
    for (int i = 0; i < EXCEPTION_ITEMS; i++) {
        if (!item || read_user_u64(&value, item))
            return 0;
        if (value)
            return value != process->none;
        if (read_user_u64(&item, item + layout->thread_state.handled_previous))
            return 0;
    }
    return 0;
}

/* Bits of enum sample_flag. */
static __always_inline __u32 python_activity(const struct thread_state_head *state,
                                             const struct python_process *process,
                                             const struct python_layout *layout)
{
    __u32 flags = 0, collecting = 0;
    __u64 place = process->collecting;

    if (layout->thread_state.holds_gil != LAYOUT_ABSENT) {
        if ((__u32)thread_state_u64(state, layout->thread_state.holds_gil))
            flags |= SAMPLE_FLAG_HOLDS_GIL;
    } else if (state->attached && !layout->free_threaded) {
        flags |= SAMPLE_FLAG_HOLDS_GIL;
    }
    if ((layout->thread_state.raised != LAYOUT_ABSENT &&
         thread_state_u64(state, layout->thread_state.raised)) ||
        handles_exception(state, process, layout))
        flags |= SAMPLE_FLAG_HANDLES_EXCEPTION;
    /* The collector's flag is the interpreter's: the thread that runs it holds the GIL. */
    if (layout->interpreter.collecting != LAYOUT_ABSENT)
        place =
            thread_state_u64(state, layout->thread_state.interp) + layout->interpreter.collecting;
    if ((flags & SAMPLE_FLAG_HOLDS_GIL) && place &&
        !read_user(&collecting, sizeof(collecting), place) && collecting)
        flags |= SAMPLE_FLAG_COLLECTS_GARBAGE;
    return flags;
}

/* state: NULL where the thread has none. */
static __always_inline void find_gil(struct gil_place *place, const struct thread_state_head *state,
                                     const struct python_process *process,
                                     const struct python_layout *layout)
{
    __u64 pointer = 0;

    place->start = process->gil;
    place->bytes = GIL_BYTES;
    if (layout->interpreter.gil != LAYOUT_ABSENT) {
        pointer = state ? thread_state_u64(state, layout->thread_state.interp) : 0;
        if (pointer)
            pointer += layout->interpreter.gil;
    } else if (layout->major == 2) {
        pointer = process->gil;
        place->bytes = GIL_SEMAPHORE_BYTES;
    } else {
        if (layout->minor < 7)
            place->bytes = GIL_VARIABLES_BYTES;
        if (!place->start)
            place->bytes = 0;
        return;
    }
    if (!pointer || read_user_u64(&place->start, pointer) || !place->start)
        place->bytes = 0;
}
