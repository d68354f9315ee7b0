/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function per form of call frame information. Each label names a row whose rule unwind_rule_test.cpp expects.
 * The code is never run; it only has to take up addresses.
 */
#ifdef ONLY_DEBUG_FRAME
    .cfi_sections .debug_frame
#endif
    .macro label name
    .globl \name
\name:
    .endm
    .macro function name
    .p2align 4
    .cfi_startproc
    label \name
    .endm
    .macro end_function
    .cfi_endproc
    .endm

    .text
    /* The usual frame pointer prologue and epilogue. */
    function standard_entry
    push %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset rbp, -16
    label standard_pushed
    mov %rsp, %rbp
    .cfi_def_cfa_register rbp
    label standard_body
    nop
    .cfi_remember_state
    pop %rbp
    .cfi_def_cfa rsp, 8
    .cfi_restore rbp
    label standard_popped
    ret
    .cfi_restore_state
    label standard_restored
    nop
    end_function

    /* Frames larger than 16 bits count, and GNU_args_size that must be skipped. */
    function large_frame
    .cfi_def_cfa_offset 133616
    .cfi_offset rbp, -56
    .cfi_escape 0x2e, 0x90, 0x01
    label large_frame_body
    nop
    end_function

    /* cfa = *(rsp + 160) + 8: OpenSSL keeps the caller's rsp in its own frame. */
    function deref_rsp
    .cfi_escape 0x0f, 6, 0x77, 0xa0, 0x01, 0x06, 0x23, 0x08
    label deref_rsp_body
    nop
    end_function

    /* cfa = *(rbp - 40), rbp = *(rbp + 0): GCC's stack realignment. */
    function deref_rbp
    .cfi_escape 0x0f, 3, 0x76, 0x58, 0x06
    .cfi_escape 0x10, 0x06, 0x02, 0x76, 0x00
    label deref_rbp_body
    nop
    end_function

    /* The same sum spelled with a literal: *(rsp + 8) - 16. */
    function deref_minus
    .cfi_escape 0x0f, 5, 0x77, 0x08, 0x06, 0x40, 0x1c
    label deref_minus_body
    nop
    end_function

    /* What the linker writes for lazy PLT entries. */
    function plt
    .cfi_escape 0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22
    label plt_body
    nop
    end_function

    /* A PLT with indirect branch tracking pushes earlier. */
    function plt_ibt
    .cfi_escape 0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x39, 0x2a, 0x33, 0x24, 0x22
    label plt_ibt_body
    nop
    end_function

    /* The caller of a signal handler, as glibc's __restore_rt describes it. */
    function signal_return
    .cfi_signal_frame
    .cfi_escape 0x0f, 4, 0x77, 0xa0, 0x01, 0x06
    .cfi_escape 0x10, 0x10, 0x03, 0x77, 0xa8, 0x01
    .cfi_escape 0x10, 0x06, 0x03, 0x77, 0xf8, 0x00
    label signal_return_body
    nop
    end_function

    function thread_entry
    .cfi_undefined rip
    label thread_entry_body
    nop
    end_function

    /* cfa = *(rsp + 8 + 8 * r9) + 8: OpenSSL's Montgomery multiplication. */
    function indexed
    .cfi_escape 0x0f, 10, 0x77, 8, 0x79, 0, 0x38, 0x1e, 0x22, 0x06, 0x23, 8
    label indexed_body
    nop
    end_function

    /* The same with r10, which nobody does. */
    function two_registers
    .cfi_escape 0x0f, 10, 0x77, 8, 0x7a, 0, 0x38, 0x1e, 0x22, 0x06, 0x23, 8
    label two_registers_body
    nop
    end_function

    /* cfa = r10: realignment again, before rbp is set up. */
    function other_register
    .cfi_def_cfa r10, 0
    label other_register_body
    nop
    end_function

    /* The return address is not on top of the frame. */
    function odd_return_address
    .cfi_register rip, rdi
    label odd_return_address_body
    nop
    end_function

    function moved_return_address
    nop
    .cfi_offset rip, -16
    label moved_return_address_body
    nop
    end_function

    function undefined_rbp
    .cfi_undefined rbp
    label undefined_rbp_body
    nop
    .cfi_register rbp, r8
    label rbp_in_register_body
    nop
    .cfi_same_value rbp
    label same_rbp_body
    nop
    end_function

    /* More than 16 bytes that nothing describes. */
    .p2align 4
    label no_information
    .skip 64, 0x90

    function after_hole
    nop
    end_function

    /* Not described, but functions by their symbols: their instructions tell. */
    .macro undescribed name
    .p2align 4
    .type \name, @function
    label \name
    .endm
    .macro end_undescribed name
    .size \name, . - \name
    .endm

    /* As the kernels of OpenBLAS: the stack is aligned, the old one kept in rbx. */
    undescribed aligned
    sub $80, %rsp
    label aligned_allocated
    mov %rbx, (%rsp)
    mov %rbp, 8(%rsp)
    label aligned_saved
    mov %rsp, %rbx
    sub $8192, %rsp
    and $-4096, %rsp
    mov (%rdi), %rbp
    label aligned_body
1:  vaddpd %ymm3, %ymm4, %ymm5
    dec %rsi
    jne 1b
    mov %rbx, %rsp
    mov (%rsp), %rbx
    mov 8(%rsp), %rbp
    label aligned_restored
    add $80, %rsp
    label aligned_released
    ret
    end_undescribed aligned

    undescribed framed
    push %rbp
    label framed_pushed
    mov %rsp, %rbp
    lea -64(%rsp), %rsp
    label framed_lowered
    and $-32, %rsp
    label framed_body
    call *%rsi
    leave
    label framed_left
    ret
    end_undescribed framed

    undescribed branches
    test %rdi, %rdi
    je 1f
    push %r12
    label branches_pushed
    call *%rsi
    pop %r12
    ret
    label unreached
    nop
1:  label branches_other
    pushf
    label branches_flags
    popf
    label branches_flags_popped
    call 2f
    ret
2:  label branches_inner
    push $1
    label branches_inner_pushed
    add $8, %rsp
    ret
    end_undescribed branches

    /* Two ways meet that do not agree, in the stack and in rbp. */
    undescribed meeting
    mov %rsp, %r11
    test %rdi, %rdi
    je 1f
    push %rbp
    label meeting_pushed
    xor %ebp, %ebp
1:  label meeting_point
    mov %r11, %rsp
    label meeting_end
    ret
    end_undescribed meeting

    /* Not all of it is code. */
    undescribed not_code
    push %rbp
    label not_code_body
    nop
    .byte 6
    .skip 16
    end_undescribed not_code
    .section .note.GNU-stack,"",@progbits
