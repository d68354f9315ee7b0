/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The registers of an architecture, in the order of DWARF numbers. */
#pragma once

#include "bpf/core_fixes.bpf.h"
#include "bpf/scratch.bpf.h"

#if defined(__TARGET_ARCH_x86)

#define USER_CS_64 0x33 /* arch/x86/include/asm/segment.h: __USER_CS; 0x23 is 32-bit code */

/* In full words: the verifier allows no narrower access to the event's registers, and cs shares its
 * word with FRED's flags since 6.9. */
static __always_inline __u16 code_segment(const struct pt_regs *registers)
{
    return *(const volatile __u64 *)((const void *)registers +
                                     __builtin_offsetof(struct pt_regs, cs));
}

static __always_inline int in_user_mode(const struct pt_regs *registers)
{
    return (code_segment(registers) & 3) == 3;
}

static __always_inline int is_compat_code(const struct pt_regs *registers)
{
    return code_segment(registers) != USER_CS_64;
}

/* The registers were saved by a system call, not by an interrupt or a fault. */
static __always_inline int in_system_call(const struct pt_regs *registers)
{
    return (__s64)registers->orig_ax >= 0;
}

/* System V ABI, AMD64 supplement, figure 3.36: DWARF register numbers. */
static __always_inline void copy_user_registers(struct user_registers *to,
                                                const struct pt_regs *from)
{
    to->ip = from->ip;
    to->sp = from->sp;
    to->bp = from->bp;
    to->all[0] = from->ax;
    to->all[1] = from->dx;
    to->all[2] = from->cx;
    to->all[3] = from->bx;
    to->all[4] = from->si;
    to->all[5] = from->di;
    to->all[6] = from->bp;
    to->all[7] = from->sp;
    to->all[8] = from->r8;
    to->all[9] = from->r9;
    to->all[10] = from->r10;
    to->all[11] = from->r11;
    to->all[12] = from->r12;
    to->all[13] = from->r13;
    to->all[14] = from->r14;
    to->all[15] = from->r15;
}

#endif
