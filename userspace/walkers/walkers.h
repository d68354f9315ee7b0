/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The walkers of bpf/, compiled for the host: one call does what the sampler does with one thread,
 * with the same steps and bounds.
 */
#pragma once

#include "bpf/abi/process.h"
#include "bpf/abi/record.h"
#include "bpf/scratch.bpf.h"

#ifdef __cplusplus
extern "C" {
#endif

struct python_thread {
    struct python_process process;
    struct python_layout layout;
    uint64_t thread_pointer;
    uint64_t stack_pointer;
    uint64_t by_list; /* thread state according to user space's table; 0: none */
};

struct python_stack {
    uint32_t outcome; /* enum python_outcome */
    uint32_t frames;
    uint64_t hash;
    struct python_frame list[MAX_PYTHON_FRAMES]; /* leaf first */
    uint64_t address[MAX_PYTHON_FRAMES];         /* of the frame; 0: a boundary */
};

void walk_python_thread(const struct python_thread* thread, struct python_stack* stack);

struct python_facts {
    int found;      /* as find_thread_state(): 1: the thread has a state */
    uint32_t flags; /* enum sample_flag: the GIL, exceptions, garbage collection */
    uint64_t thread_state;
    struct gil_place gil;
};

/* What the thread is busy with besides its frames. */
void find_python_facts(const struct python_thread* thread, struct python_facts* facts);

enum code_definition { CODE_DEFINED, CODE_INVALID, CODE_UNREADABLE };
/* frame: one that runs the code, or 0. On CODE_DEFINED definition->record holds the facts, and its
 * texts follow. */
enum code_definition define_python_code(const struct python_thread* thread, uint64_t code,
                                        uint64_t frame, struct definition_scratch* definition);

struct native_thread {
    struct user_registers registers;
    uint32_t exact; /* as in start_native_walk() */
    uint32_t ranges_first;
    uint32_t ranges_count;
    uint32_t ranges_version; /* 0: the rules that earlier walks found are forgotten before */
};

struct native_stack {
    uint32_t outcome; /* enum native_outcome */
    uint32_t frames;
    uint64_t hash;
    struct native_frame list[MAX_NATIVE_FRAMES]; /* leaf first */
};

void walk_native_thread(const struct native_thread* thread, struct native_stack* stack);

/* The rule in force at ip, as a step looks it up: CFA_NONE if there is none. */
struct unwind_rule unwind_rule_at(uint64_t ip, uint32_t ranges_first, uint32_t ranges_count);

#ifdef __cplusplus
}
#endif
