// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The walkers with the sampler's loops around them (bpf/sampler.bpf.c: walk_python, walk_native). */
#include "tests/bpf_usermode/walkers.h"

#include <string.h>

#include "bpf/definitions.bpf.h"
#include "bpf/native.bpf.h"
#include "bpf/python.bpf.h"

void walk_python_thread(const struct python_thread *thread, struct python_stack *stack)
{
    struct thread_state_head state = {};
    struct python_walk walk = {.outcome = PYTHON_NOT_A_PYTHON_PROCESS};
    int found = find_thread_state(&state, &thread->process, &thread->layout, thread->thread_pointer, thread->by_list);

    memset(stack, 0, sizeof(*stack));
    if (found <= 0) {
        stack->outcome = found < 0 ? PYTHON_FAULT_THREAD_STATE : PYTHON_NO_THREAD_STATE;
        return;
    }
    walk.boundary_limit = USER_ADDRESS_MAX;
    if (start_python_walk(&walk, &thread->layout, &state, thread->stack_pointer, 0)) {
        while (walk.frames < MAX_PYTHON_FRAMES)
            if (!python_step(&walk, &thread->layout, &stack->list[walk.frames]))
                break;
        if (walk.outcome == PYTHON_NOT_A_PYTHON_PROCESS)
            walk.outcome = PYTHON_TRUNCATED;
    }
    stack->outcome = walk.outcome;
    stack->frames = walk.frames;
    stack->hash = walk.hash;
}

enum code_definition define_python_code(const struct python_thread *thread, uint64_t code, struct definition_scratch *definition)
{
    memset(definition, 0, sizeof(*definition));
    switch (define_code(definition, &thread->layout, thread->process.code_type, code)) {
    case DEFINITION_READY:
        return CODE_DEFINED;
    case DEFINITION_INVALID:
        return CODE_INVALID;
    case DEFINITION_FAULT:
        break;
    }
    return CODE_UNREADABLE;
}

void walk_native_thread(const struct native_thread *thread, struct native_stack *stack)
{
    struct native_walk walk = {.registers = thread->registers};

    memset(stack, 0, sizeof(*stack));
    start_native_walk(&walk, thread->exact, 0);
    while (walk.frames < MAX_NATIVE_FRAMES)
        if (!native_step(&walk, thread->ranges_first, thread->ranges_count, &stack->list[walk.frames]))
            break;
    if (walk.outcome == NATIVE_NOT_TAKEN)
        walk.outcome = NATIVE_TRUNCATED;
    stack->outcome = walk.outcome;
    stack->frames = walk.frames;
    stack->hash = walk.hash;
}

struct unwind_rule unwind_rule_at(uint64_t ip, uint32_t ranges_first, uint32_t ranges_count)
{
    struct native_walk walk = {.ip = ip, .exact = 1};

    find_rule(&walk, ranges_first, ranges_count);
    return walk.rule;
}
