/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counters of the kernel side, per CPU, summed by user space. Each tick of an event source raises
 * exactly one of the "bucket" counters, so they add up to the ticks received.  X(identifier,
 * json_name, what it means)
 */
#pragma once

#define KERNEL_COUNTERS(X)                                                                        \
    /* buckets of a tick */                                                                       \
    X(TICKS_IDLE, ticks_idle, "idle task")                                                        \
    X(TICKS_FILTERED, ticks_filtered, "not a target (skipped)")                                   \
    X(TICKS_SAMPLED, ticks_sampled, "a sample was sent")                                          \
    X(TICKS_LOST, ticks_lost, "ring buffer full (lost)")                                          \
    /* of programs that bound how often they take a sample: waits, tracepoints, probes */         \
    X(EVENTS, events, "waits and hits of the targets")                                            \
    X(EVENTS_THINNED, events_thinned, "waits and hits that others stand for, by weight")          \
    X(WAITS_SHORT, waits_short, "waits shorter than --min-block")                                 \
    X(WAITS_UNTRACKED, waits_untracked, "waits of threads for which the table had no room")       \
    X(COLLISIONS, collisions, "events that came while a sample was taken on that CPU (lost)")     \
    /* facts within samples */                                                                    \
    X(STACKS_SENT, stacks_sent, "stack parts sent whole")                                         \
    X(STACKS_KNOWN, stacks_known, "stack parts sent as a hash")                                   \
    X(STACKS_LOST, stacks_lost, "stack parts that found the ring full: sent with a later sample") \
    X(CODE_SENT, code_sent, "code objects defined")                                               \
    X(CODE_LOST, code_lost, "code definitions that found the ring full")                          \
    X(CODE_FAULTS, code_faults, "code objects with an unreadable part")                           \
    X(CODE_FETCHED, code_fetched, "of these, those that the sampled thread itself brought in")    \
    X(CODE_INVALID, code_invalid, "frames whose code pointer is not a code object")               \
    X(CODE_DEFERRED, code_deferred, "code definitions left to a later sample")                    \
    X(CODE_FINGERPRINTS, code_fingerprints,                                                       \
      "checks whether a code object was replaced at its address")                                 \
    X(READ_FAULTS, read_faults, "user memory that was not readable")                              \
    X(FORKS, forks, "processes that inherited what is known of their parent")                     \
    X(FORKS_FAILED, forks_failed, "the process table was full")

enum kernel_counter {
#define KERNEL_COUNTER_ENUM(identifier, name, text) COUNTER_##identifier,
    KERNEL_COUNTERS(KERNEL_COUNTER_ENUM)
#undef KERNEL_COUNTER_ENUM
        KERNEL_COUNTER_COUNT
};
