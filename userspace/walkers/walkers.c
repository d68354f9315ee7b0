// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The walkers with the sampler's loops around them (bpf/collector.bpf.c: walk_python, walk_native). */
#include "walkers/walkers.h"

#include <string.h>

#include "bpf/definitions.bpf.h"
#include "bpf/native.bpf.h"
#include "bpf/python.bpf.h"
#include "bpf/python_activity.bpf.h"

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
        while (walk.frames < MAX_PYTHON_FRAMES) {
            uint32_t link = walk.frames;
            __u64 frame;

            if (!python_step(&walk, &thread->layout, &stack->list[link], &frame))
                break;
            if ((stack->list[link].word1 & PYTHON_FRAME_KIND_MASK) != PYTHON_BOUNDARY)
                stack->address[link] = frame;
        }
        if (walk.outcome == PYTHON_NOT_A_PYTHON_PROCESS)
            walk.outcome = PYTHON_TRUNCATED;
    }
    stack->outcome = walk.outcome;
    stack->frames = walk.frames;
    stack->hash = walk.hash;
}

void find_python_facts(const struct python_thread *thread, struct python_facts *facts)
{
    struct thread_state_head state = {};

    memset(facts, 0, sizeof(*facts));
    facts->found = find_thread_state(&state, &thread->process, &thread->layout, thread->thread_pointer, thread->by_list);
    find_gil(&facts->gil, facts->found > 0 ? &state : NULL, &thread->process, &thread->layout);
    if (facts->found <= 0)
        return;
    facts->thread_state = state.address;
    facts->flags = python_activity(&state, &thread->process, &thread->layout);
}

enum code_definition define_python_code(const struct python_thread *thread, uint64_t code, uint64_t frame,
                                        struct definition_scratch *definition)
{
    memset(definition, 0, sizeof(*definition));
    switch (define_code(definition, &thread->layout, thread->process.code_type, code, frame)) {
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
    static struct rule_cache cache; /* outlives a walk, as in the kernel */
    struct native_walk walk = {.registers = thread->registers};

    memset(stack, 0, sizeof(*stack));
    if (!thread->ranges_version)
        memset(&cache, 0, sizeof(cache));
    start_native_walk(&walk, thread->exact, 0, thread->ranges_version);
    while (walk.frames < MAX_NATIVE_FRAMES)
        if (!native_step(&walk, &cache, thread->ranges_first, thread->ranges_count, &stack->list[walk.frames]))
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
    static struct rule_cache cache;

    memset(&cache, 0, sizeof(cache));
    find_rule(&walk, &cache, ranges_first, ranges_count);
    return walk.rule;
}
