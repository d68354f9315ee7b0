/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Unwind tables: .eh_frame compiled to what a frame step needs, and the list of mappings that leads
 * to them.
 *
 *   pc ──> range (sorted list of the process) ──> index word of the 256-byte page ──> row ──> rule
 *
 * A table covers whole 256-byte pages of *stated* addresses, from first_page on. One index word per
 * page:
 *
 *   bit 31 set:    the whole page has one rule, its number in bits 0-15
 *   bit 31 clear:  bits 0-21 first row (in 16-bit units from the table's rows),
 *                  bits 22-29 number of rows, bit 30 wide
 *
 * A narrow row is one 16-bit unit: pc & 255 in the high byte, rule number in the low byte. A wide
 * row is two units: pc & 255, rule. Rows are sorted by pc. The first row of a page is in force from
 * its start, whatever its pc says: it may be the last row of a page before. The row in force at a
 * pc is the last one that is not above it. Rule 0 of every table is "no unwind information here".
 *
 * A table is stored in a slab, an array of 32-bit words: its index at index_base, its rows at
 * rows_base (two units a word, low half first), its rules at rules_base (two words each).
 */
#pragma once

#include "bpf/abi/types.h"

#define UNWIND_PAGE_SHIFT 8
#define UNWIND_INDEX_SINGLE (1u << 31)
#define UNWIND_INDEX_WIDE (1u << 30)
#define UNWIND_INDEX_COUNT_SHIFT 22
#define UNWIND_INDEX_COUNT_MASK 255u
#define UNWIND_INDEX_ROW_MASK 0x3fffffu
#define UNWIND_COUNT_BITS 8 /* of the number of rows */

enum cfa_kind {
    CFA_NONE = 0,          /* no unwind information */
    CFA_RSP = 1,           /* cfa = rsp + offset */
    CFA_RBP = 2,           /* cfa = rbp + offset */
    CFA_DEREF_RSP = 3,     /* cfa = *(rsp + low half of offset) + high half, both signed 16 bit */
    CFA_DEREF_RBP = 4,     /* cfa = *(rbp + low half of offset) + high half */
    CFA_PLT = 5,           /* cfa = rsp + 8 + ((rip & 15) >= offset ? 8 : 0): lazy PLT entries */
    CFA_SIGNAL = 6,        /* signal frame: registers are in the ucontext (x86-64 rt_sigframe) */
    CFA_END = 7,           /* return address undefined: the entry of the thread */
    CFA_UNSUPPORTED = 8,   /* an expression without a kind of its own */
    CFA_DEREF_INDEXED = 9, /* cfa = *(rsp + 8 * r9 + low half of offset) + high half; at the leaf
                              only: OpenSSL's Montgomery multiplication */
    CFA_REGISTER = 16,     /* + DWARF number 0-15: cfa = that register + offset; at the leaf only */
};

enum rbp_kind {
    RBP_SAME = 0,
    RBP_AT_CFA = 1, /* saved at cfa + rbp_offset */
    RBP_AT_RBP = 2, /* saved at rbp + rbp_offset (realigned frames) */
    RBP_UNDEFINED = 3,
};

struct unwind_rule {
    int32_t cfa_offset;
    int16_t rbp_offset;
    uint8_t cfa_kind; /* enum cfa_kind */
    uint8_t rbp_kind; /* enum rbp_kind */
};
ABI_ASSERT(sizeof(struct unwind_rule) == 8, "unwind_rule");

enum range_kind {
    RANGE_HOLE = 0,     /* nothing mapped here: ends the range before it */
    RANGE_NO_TABLE = 1, /* code without a table: JIT, or its table is still being built */
    RANGE_TABLE = 2,
};

/* One mapping of executable code, or a piece of one if its table spans slabs. Sorted by start
 * within a process. */
struct code_range {
    uint64_t start;      /* mapped address */
    uint64_t bias;       /* mapped - stated, wraps */
    uint32_t first_page; /* stated address >> 8 of the table's first page */
    uint32_t pages;
    uint32_t index_base; /* word offsets in the slab */
    uint32_t rows_base;
    uint32_t rules_base;
    uint16_t slab;
    uint16_t kind; /* enum range_kind */
};
ABI_ASSERT(sizeof(struct code_range) == 40, "code_range");

#define UNWIND_SLAB_WORDS (1u << 20) /* 4 MiB: the largest array value of 5.10 */
#define MAX_UNWIND_SLABS 64
#define MAX_CODE_RANGES (1u << 18) /* of all processes together */
#define MAX_PROCESS_RANGES_LOG2 12 /* of one process: 4,096 */
