/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Unwinds the user stack of the interrupted thread, leaf to root, with the tables of
 * bpf/abi/unwind.h. One step:
 *
 *   ip ──> range of the process ──> table page ──> row ──> rule:
 *          cfa = register + offset; return address at cfa - 8; rbp saved at cfa + n, or unchanged
 *
 * Code without a table (JIT, a library that user space has not published yet) is crossed by frame
 * pointer if rbp looks like one; such frames are marked as guesses. Registers other than rsp and
 * rbp are known at the leaf only, which is where compilers use them.
 *
 * The stack is read in windows of 2 KiB: one read serves many frames. The rules of the last pcs are
 * kept per CPU: at low rates all memory that a look-up touches is cold, and the cache touches one
 * line of it.
 */
#pragma once

#include "bpf/hash.bpf.h"
#include "bpf/read.bpf.h"
#include "bpf/scratch.bpf.h"

#define FRAME_POINTER_SPAN \
    (1ull << 20) /* a caller's frame farther than this is not believed without a row */

#ifdef __bpf__
/* key: index (code_range lists of all processes, each sorted and consecutive); written by user
 * space. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, MAX_CODE_RANGES);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct code_range);
} code_ranges SEC(".maps");

struct unwind_slab {
    __u32 words[UNWIND_SLAB_WORDS];
};

/* One element, so that both lookups are inlined by the verifier; created by user space on demand.
 */
struct unwind_slab_map {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(key_size, sizeof(__u32));
    __uint(value_size,
           sizeof(struct unwind_slab)); /* by size: clang leaves the type incomplete in BTF here */
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, MAX_UNWIND_SLABS);
    __type(key, __u32);
    __array(values, struct unwind_slab_map);
} unwind_slabs SEC(".maps");

/*
 * Always 0, but the verifier cannot know. XORed into the bounds of a binary search at each step, it
 * makes all paths through the search look alike; without it every path is a state of its own and
 * the limit of a million instructions is passed (all kernels).
 */
volatile __u32 unknown_zero;

static __always_inline const struct code_range *code_range_at(__u32 index)
{
    return bpf_map_lookup_elem(&code_ranges, &index);
}

static __always_inline const __u32 *unwind_slab_words(__u32 slab)
{
    __u32 zero = 0;
    void *map = bpf_map_lookup_elem(&unwind_slabs, &slab);
    struct unwind_slab *value;

    if (!map)
        return NULL;
    value = bpf_map_lookup_elem(map, &zero);
    return value ? value->words : NULL;
}
#endif

/* Makes the walk begin at walk->registers. exact: ip is the instruction itself, and all registers
 * are the program's. ranges_version: of the process (struct process_entry). */
static __always_inline void start_native_walk(struct native_walk *walk, int exact, __u64 seed,
                                              __u32 ranges_version)
{
    walk->cache_key = ranges_version * GOLDEN_RATIO;
    walk->ip = walk->registers.ip;
    walk->sp = walk->registers.sp;
    walk->bp = walk->registers.bp;
    walk->exact = exact;
    walk->at_leaf = exact; /* after the syscall instruction rcx and r11 are not the program's */
    walk->outcome = NATIVE_NOT_TAKEN;
    walk->hash = seed;
    walk->range_valid = 0;
    walk->window.base = 0;
    walk->window.bytes = 0;
}

static __always_inline __u32 slab_word(const __u32 *words, __u32 index)
{
    return words[index & (UNWIND_SLAB_WORDS - 1)];
}

/* The 16-bit unit `unit` of the rows at word offset rows_base. */
static __always_inline __u32 slab_row(const __u32 *words, __u32 rows_base, __u32 unit)
{
    return (slab_word(words, rows_base + (unit >> 1)) >> ((unit & 1) * 16)) & 0xffff;
}

/* Finds the range that holds ip; 1 if there is one (walk->range is set), 0 if not. */
static __always_inline int find_code_range(struct native_walk *walk, __u64 ip, __u32 first,
                                           __u32 count)
{
    const struct code_range *range, *next;
    __u32 low = 0, high = count; /* answer in [low, high) */
    __u32 blur = unknown_zero;

    if (walk->range_valid && ip - walk->range_start < walk->range_end - walk->range_start)
        return 1;
    if (!count)
        return 0;
#pragma unroll
    for (int step = 0; step < MAX_PROCESS_RANGES_LOG2; step++) {
        __u32 middle;

        low = (low ^ blur) & ((1u << MAX_PROCESS_RANGES_LOG2) - 1);
        high = (high ^ blur) & ((2u << MAX_PROCESS_RANGES_LOG2) - 1);
        if (low + 1 >= high)
            break;
        middle = (low + high) / 2;
        range = code_range_at(first + middle);
        if (!range)
            return 0;
        if (range->start <= ip)
            low = middle;
        else
            high = middle;
    }
    range = code_range_at(first + low);
    if (!range || range->start > ip || range->kind == RANGE_HOLE)
        return 0;
    next = low + 1 < count ? code_range_at(first + low + 1) : NULL;
    walk->range_start = range->start;
    walk->range_end = next ? next->start : USER_ADDRESS_MAX;
    walk->range = *range;
    walk->range_valid = 1;
    return 1;
}

/* Finds the rule in force at ip, which lies in walk->range. Leaves CFA_NONE where there is none. */
static __always_inline void find_unwind_rule(struct native_walk *walk, __u64 ip)
{
    const __u32 *words;
    __u64 stated = ip - walk->range.bias;
    __u32 page = (stated >> UNWIND_PAGE_SHIFT) - walk->range.first_page;
    __u32 low_bits = stated & 255, word, rule = 0;
    __u32 blur = unknown_zero;

    *(__u64 *)&walk->rule = 0;
    if (walk->range.kind != RANGE_TABLE || page >= walk->range.pages)
        return;
    words = unwind_slab_words(walk->range.slab);
    if (!words)
        return;
    word = slab_word(words, walk->range.index_base + page);
    if (word & UNWIND_INDEX_SINGLE) {
        rule = word & 0xffff;
    } else {
        __u32 first = word & UNWIND_INDEX_ROW_MASK;
        __u32 wide = !!(word & UNWIND_INDEX_WIDE);
        __u32 low = 0, high = (word >> UNWIND_INDEX_COUNT_SHIFT) & UNWIND_INDEX_COUNT_MASK;
        __u32 row;

#pragma unroll
        for (int step = 0; step < UNWIND_COUNT_BITS; step++) {
            __u32 middle, pc;

            low = (low ^ blur) & UNWIND_INDEX_COUNT_MASK;
            high = (high ^ blur) & UNWIND_INDEX_COUNT_MASK;
            if (low + 1 >= high)
                break;
            middle = (low + high) / 2;
            row = slab_row(words, walk->range.rows_base, first + (middle << wide));
            pc = wide ? row : row >> 8;
            if (pc <= low_bits)
                low = middle;
            else
                high = middle;
        }
        if (wide)
            rule = slab_row(words, walk->range.rows_base, first + low * 2 + 1);
        else
            rule = slab_row(words, walk->range.rows_base, first + low) & 255;
    }
    word = walk->range.rules_base + rule * 2;
    *(__u64 *)&walk->rule = slab_word(words, word) | (__u64)slab_word(words, word + 1) << 32;
}

/*
 * Makes [address, address + bytes) of the stack readable in the window and returns where it starts
 * there, or a negative error. bytes <= STACK_READ_MAX. If the window would run into a page that is
 * not mapped, it ends with the page before; what lies across the border is read alone.
 */
#define STACK_READ_MAX 64
#define STACK_PAGE_BYTES 4096
static __always_inline int stack_window(struct native_walk *walk, __u64 address, __u64 bytes)
{
    struct native_window *window = &walk->window;
    __u64 offset = address - window->base;
    __u32 rest_of_page;

    if (offset + bytes <= window->bytes && offset < NATIVE_WINDOW_BYTES)
        return offset;
    window->base = address;
    window->bytes = NATIVE_WINDOW_BYTES;
    if (!bpf_probe_read_user(window->data, NATIVE_WINDOW_BYTES, (const void *)address))
        return 0;
    /* A shallow stack ends in this page: every frame would try to read beyond it. */
    rest_of_page = -(__u32)address & (STACK_PAGE_BYTES - 1);
    barrier_var(rest_of_page);
    if (rest_of_page >= bytes && rest_of_page < NATIVE_WINDOW_BYTES) {
        window->bytes = rest_of_page;
        if (!bpf_probe_read_user(window->data, rest_of_page, (const void *)address))
            return 0;
    }
    bytes &= 2 * STACK_READ_MAX - 1;
    window->bytes = bytes;
    if (bytes <= STACK_READ_MAX && !read_user(window->data, bytes, address))
        return 0;
    window->bytes = 0;
    return -1;
}

static __always_inline int stack_u64(struct native_walk *walk, __u64 address, __u64 *value)
{
    int offset = stack_window(walk, address, sizeof(*value));

    if (offset < 0 || offset > NATIVE_WINDOW_BYTES)
        return -1;
    *value = *(const __u64 *)(walk->window.data + offset);
    return 0;
}

static __always_inline int native_end(struct native_walk *walk, enum native_outcome outcome)
{
    walk->outcome = outcome;
    return 0;
}

/*
 * Leaves the rule for the frame in walk->rule; if there is none, walk->no_rule says why. The cache
 * is keyed by the version of the ranges: what was cached for another process, or before this one
 * mapped something, is not found.
 */
static __always_inline void find_rule(struct native_walk *walk, struct rule_cache *cache,
                                      __u32 ranges_first, __u32 ranges_count)
{
    __u64 ip = walk->exact ? walk->ip : walk->ip - 1;
    __u64 key = ip ^ walk->cache_key;
    struct cached_rule *cached = &cache->rules[(key * GOLDEN_RATIO) >> (64 - RULE_CACHE_BITS)];

    if (cached->key == key && cached->rule.cfa_kind != CFA_NONE) {
        walk->rule = cached->rule;
        return;
    }
    *(__u64 *)&walk->rule = 0;
    walk->no_rule = NATIVE_NO_MAPPING;
    if (!find_code_range(walk, ip, ranges_first, ranges_count))
        return;
    walk->no_rule = walk->range.kind == RANGE_TABLE ? NATIVE_NO_ROW : NATIVE_NO_TABLE;
    find_unwind_rule(walk, ip);
    if (walk->rule.cfa_kind == CFA_NONE)
        return;
    cached->key = key;
    cached->rule = walk->rule;
}

/* Computes walk->cfa. Returns 0 when the walk has ended. */
static __always_inline int find_cfa(struct native_walk *walk, struct native_frame *out)
{
    __u64 sp = walk->sp, bp = walk->bp;
    __s64 offset = walk->rule.cfa_offset;

    switch (walk->rule.cfa_kind) {
        case CFA_RSP:
            walk->cfa = sp + offset;
            return 1;
        case CFA_RBP:
            walk->cfa = bp + offset;
            return 1;
        case CFA_PLT:
            walk->cfa = sp + 8 + ((walk->ip & 15) >= (__u64)offset ? 8 : 0);
            return 1;
        case CFA_DEREF_INDEXED:
            if (!walk->at_leaf)
                return native_end(walk, NATIVE_UNSUPPORTED_RULE);
            sp += 8 * walk->registers.all[9];
            /* fallthrough */
        case CFA_DEREF_RSP:
        case CFA_DEREF_RBP:
            if (stack_u64(
                    walk,
                    (walk->rule.cfa_kind == CFA_DEREF_RBP ? bp : sp) + (__s16)(offset & 0xffff),
                    &walk->cfa))
                return native_end(walk, NATIVE_FAULT_STACK);
            walk->cfa += offset >> 16;
            return 1;
        case CFA_END:
            return native_end(walk, NATIVE_COMPLETE);
        case CFA_UNSUPPORTED:
            return native_end(walk, NATIVE_UNSUPPORTED_RULE);
        case CFA_NONE:
            /* No rule: believe a frame pointer that points a little above the stack pointer. */
            if (bp < sp || bp - sp > FRAME_POINTER_SPAN || (bp & 7))
                return native_end(walk, walk->no_rule);
            out->cfa |= NATIVE_FROM_GUESS;
            walk->cfa = bp + 16;
            walk->rule.rbp_kind = RBP_AT_CFA;
            walk->rule.rbp_offset = -16;
            return 1;
        default:
            if (walk->rule.cfa_kind < CFA_REGISTER || !walk->at_leaf)
                return native_end(walk, NATIVE_UNSUPPORTED_RULE);
            walk->cfa = walk->registers.all[walk->rule.cfa_kind & 15] + offset;
            return 1;
    }
}

/* Takes rip, rsp and rbp of the interrupted frame from the signal frame:
 * arch/x86/include/asm/sigframe.h, sp points at its ucontext. */
static __always_inline int cross_signal_frame(struct native_walk *walk)
{
    int offset = stack_window(walk, walk->sp + 120, 56);

    if (offset < 0 || offset > NATIVE_WINDOW_BYTES)
        return native_end(walk, NATIVE_FAULT_STACK);
    walk->bp = *(const __u64 *)(walk->window.data + offset);
    walk->sp = *(const __u64 *)(walk->window.data + offset + 40);
    walk->ip = *(const __u64 *)(walk->window.data + offset + 48);
    walk->exact = 1;
    walk->at_leaf = 0;
    return walk->ip ? 1 : native_end(walk, NATIVE_COMPLETE);
}

/* Reads the return address and the saved rbp, which mostly lie within a few words of each other
 * below the CFA. */
static __always_inline int read_caller(struct native_walk *walk)
{
    __u64 return_address = walk->cfa - 8;
    __u64 from = return_address;
    int offset;

    if (walk->rule.rbp_kind == RBP_AT_RBP) {
        if (stack_u64(walk, walk->bp + (__s64)walk->rule.rbp_offset, &walk->bp))
            return -1;
    } else if (walk->rule.rbp_kind == RBP_UNDEFINED) {
        walk->bp = 0; /* a caller that needs it cannot be crossed, rather than crossed wrongly */
    } else if (walk->rule.rbp_kind == RBP_AT_CFA) {
        from = walk->cfa + (__s64)walk->rule.rbp_offset;
        if (return_address - from > STACK_READ_MAX - 8) {
            if (stack_u64(walk, from, &walk->bp))
                return -1;
            from = return_address;
        }
    }
    barrier();
    offset = stack_window(walk, from, return_address - from + 8);
    if (offset < 0 || offset > NATIVE_WINDOW_BYTES)
        return -1;
    if (from != return_address)
        walk->bp = *(const __u64 *)(walk->window.data + offset);
    offset += return_address - from;
    if (offset < 0 || offset > NATIVE_WINDOW_BYTES + STACK_READ_MAX - 8)
        return -1;
    walk->ip = *(const __u64 *)(walk->window.data + offset);
    return 0;
}

/*
 * Emits the frame at walk->ip and moves to its caller. Returns 0 when the walk has ended;
 * walk->outcome then tells how. The frame is stored in any case: also the last one has a pc.
 *
 * All state is in memory, and barriers make the compiler reload it: what the verifier does not know
 * cannot multiply its states.
 */
static __always_inline int native_step(struct native_walk *walk, struct rule_cache *cache,
                                       __u32 ranges_first, __u32 ranges_count,
                                       struct native_frame *out)
{
    barrier();
    out->pc = walk->ip;
    out->cfa = walk->exact ? NATIVE_PC_EXACT : 0;
    walk->frames++;
    walk->hash = hash_step(walk->hash, walk->ip);
    find_rule(walk, cache, ranges_first, ranges_count);
    barrier();
    if (walk->rule.cfa_kind == CFA_SIGNAL) {
        /* Nothing called it: the return address that led here is its first instruction. No body to
         * match: the interrupted frame may be on another stack. */
        out->cfa |= NATIVE_PC_EXACT;
        return cross_signal_frame(walk);
    }
    if (!find_cfa(walk, out))
        return 0;
    barrier();
    if (walk->cfa <= walk->sp || (walk->cfa & 7) || walk->cfa >= USER_ADDRESS_MAX)
        return native_end(walk, NATIVE_BAD_CFA);
    if (read_caller(walk))
        return native_end(walk, NATIVE_FAULT_STACK);
    barrier();
    out->cfa |= walk->cfa;
    walk->hash = hash_step(walk->hash, walk->cfa);
    walk->exact = 0;
    walk->at_leaf = 0;
    walk->sp = walk->cfa;
    return walk->ip ? 1 : native_end(walk, NATIVE_COMPLETE);
}
