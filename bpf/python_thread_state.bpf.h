/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finds the PyThreadState of the interrupted thread. Several sources exist per version; each
 * candidate is validated by comparing its thread_id (pthread_self, which is the thread pointer with
 * glibc and musl on x86-64) with the thread pointer. That one comparison kills stale tables, states
 * of other threads and wrong decodes.
 *
 *   TLS       3.12+     the variable that PyThreadState_Get reads; NULL while the GIL is released
 *   CURRENT   <= 3.11   the runtime's pointer to the GIL holder; right if that is this thread
 *   KEY       3.6-3.14  pthread key of the GILState API: also valid while the GIL is released
 *   GILSTATE  3.15      the TLS variable that replaced the key
 *   LISTED    any       table that user space fills from the interpreter's list of threads
 */
#pragma once

#include "bpf/read.bpf.h"
#include "bpf/scratch.bpf.h"

#define THREAD_STATE_BYTES 256

struct thread_state_head {
    __u64 address;
    __u64 attached; /* found where the running thread's is: it holds the GIL */
    __u8 data[THREAD_STATE_BYTES];
};

static __always_inline __u64 thread_state_u64(const struct thread_state_head *state, __u16 offset)
{
    if (offset > THREAD_STATE_BYTES - sizeof(__u64))
        return 0;
    return *(const __u64 *)(state->data + offset);
}

/* Copies the candidate's head and validates it. 1: it is this thread's state, 0: it is not, -1: not
 * readable. */
static __always_inline int thread_state_accept(struct thread_state_head *state,
                                               const struct python_layout *layout, __u64 candidate,
                                               __u64 thread_pointer)
{
    __u32 bytes = layout->thread_state_bytes;

    if (!candidate)
        return 0;
    barrier_var(bytes);
    if (bytes > THREAD_STATE_BYTES)
        bytes = THREAD_STATE_BYTES;
    if (read_user(state->data, bytes, candidate))
        return -1;
    if (thread_state_u64(state, layout->thread_state.thread_id) != thread_pointer ||
        !thread_state_u64(state, layout->thread_state.interp))
        return 0;
    state->address = candidate;
    return 1;
}

/*
 * The TLS block of a library that was loaded after start-up; 0 if this thread has none. Returns
 * nonzero if it could not be read. glibc: dtv[module].pointer; musl: dtv[module] (both: dtv at tp +
 * 8).
 */
static __always_inline int tls_block(__u64 thread_pointer, __u32 module, __u32 libc, __u64 *block)
{
    __u64 dtv = 0;

    *block = 0;
    if (read_user_u64(&dtv, thread_pointer + 8))
        return -1;
    if (!dtv)
        return 0;
    if (read_user_u64(block, dtv + (libc == LIBC_MUSL ? 8ull : 16ull) * module))
        return -1;
    if (*block == ~0ull) /* glibc: TLS_DTV_UNALLOCATED */
        *block = 0;
    return 0;
}

/*
 * pthread_getspecific(key) of another thread, as nptl (glibc 2.31 - 2.43, x86-64) and musl (1.2)
 * lay it out; see docs/cpython.md. 0 if it has no value. Returns nonzero if it could not be read.
 */
static __always_inline int thread_specific(__u64 thread_pointer, __u32 key, __u32 libc,
                                           __u64 *value)
{
    __u64 address, block = 0;

    *value = 0;
    if (libc == LIBC_MUSL) {
        if (key >= 128)
            return 0;
        if (read_user_u64(&block, thread_pointer + 0x80))
            return -1;
        address = block + 8ull * key;
    } else if (key < 32) {
        return read_user_u64(value, thread_pointer + 0x310 + 16ull * key + 8) != 0;
    } else {
        if (key >= 1024)
            return 0;
        if (read_user_u64(&block, thread_pointer + 0x510 + 8ull * (key >> 5)))
            return -1;
        address = block + 16ull * (key & 31) + 8;
    }
    return block ? read_user_u64(value, address) != 0 : 0;
}

/* Same results as thread_state_accept; state is filled on 1. by_list: candidate from the table, 0
 * if there is none. */
static __always_inline int find_thread_state(struct thread_state_head *state,
                                             const struct python_process *process,
                                             const struct python_layout *layout,
                                             __u64 thread_pointer, __u64 by_list)
{
    __u64 tls = thread_pointer, candidate = 0;
    int faulted = 0, accepted;

    state->attached = 1;
    if (!thread_pointer)
        return 0; /* start-up, before the C library has set it */
    if (process->sources & THREAD_STATE_TLS_MODULE) {
        __u64 module = process->tls_module;

        if (!module)
            faulted |= read_user_u64(&module, process->tls_module_slot) != 0;
        tls = 0;
        if (module)
            faulted |= tls_block(thread_pointer, module, process->libc, &tls);
    }

    if ((process->sources & THREAD_STATE_TLS) && tls) {
        faulted |= read_user_u64(&candidate, tls + process->tls_offset) != 0;
        accepted = thread_state_accept(state, layout, candidate, thread_pointer);
        if (accepted > 0)
            return 1;
        faulted |= accepted;
    }
    if (process->sources & THREAD_STATE_CURRENT) {
        candidate = 0;
        faulted |= read_user_u64(&candidate, process->current_address) != 0;
        accepted = thread_state_accept(state, layout, candidate, thread_pointer);
        if (accepted > 0)
            return 1;
        faulted |= accepted;
    }
    state->attached = 0;
    candidate = 0;
    if (process->sources & THREAD_STATE_KEY) {
        struct {
            __s32 initialized, key;
        } key = {};

        faulted |= read_user(&key, sizeof(key), process->key_address - 4) != 0;
        if (key.key >= 0 && (key.initialized || !process->key_has_flag))
            faulted |= thread_specific(thread_pointer, key.key, process->libc, &candidate);
    } else if ((process->sources & THREAD_STATE_TLS_GILSTATE) && tls) {
        faulted |= read_user_u64(&candidate, tls + process->tls_gilstate_offset) != 0;
    }
    accepted = thread_state_accept(state, layout, candidate, thread_pointer);
    if (accepted > 0)
        return 1;
    faulted |= accepted;
    accepted = thread_state_accept(state, layout, by_list, thread_pointer);
    if (accepted > 0)
        return 1;
    return (faulted | accepted) ? -1 : 0;
}
